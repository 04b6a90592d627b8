"""The guide's deploy hooks, run as the ACME clients run them: with what they put into the environment."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from retrust_plugins.lab import Lab, LabSettings

GIVEN = [
    ("certbot", "RENEWED_LINEAGE", ""),
    ("acme.sh", "CERT_PATH", "cert.pem"),
    ("lego", "LEGO_CERT_PATH", "cert.pem"),
    ("lego", "LEGO_HOOK_CERT_PATH", "cert.pem"),
]


def called(hook: str, script: Path) -> list[str]:
    """A script as a program of its own, without a shell around it; a line by the client's shell."""
    if not hook.startswith("#!"):
        return ["/bin/sh", "-c", hook]
    script.write_text(hook)
    script.chmod(0o755)
    return [str(script)]


@pytest.mark.parametrize(("client", "name", "below"), GIVEN)
async def test_a_deploy_hook_announces_the_new_certificate(
    client: str, name: str, below: str, tmp_path: Path, guide: Callable[[str], list[str]]
) -> None:
    """What the client renewed is in the ledger as a renewal of that node, with its fingerprint."""
    [hook] = guide(f"hook: {client}")
    async with Lab(LabSettings(ise=())) as lab:
        identity = lab.secondary.identity
        lineage = tmp_path / "live"
        lineage.mkdir()
        (lineage / "cert.pem").write_bytes(identity.certificate.public_bytes(Encoding.PEM))
        inventory = tmp_path / "hook.yaml"
        inventory.write_text(lab.inventory())
        environment = (
            os.environ
            | lab.environment()
            | {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "RETRUST_INVENTORY": str(inventory),
                "RETRUST_HOME": str(tmp_path / "hook"),
                name: str(lineage / below),
            }
        )
        process = await asyncio.create_subprocess_exec(
            *called(hook, tmp_path / "hook.sh"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        with sqlite3.connect(tmp_path / "hook/ledger.db") as ledger:
            rows = ledger.execute("SELECT kind, site, fingerprint FROM sightings").fetchall()
        ledger.close()
        assert rows == [("renewed", "campus", identity.fingerprint)]
