"""Labs in a process of their own, so that neither side of a comparison pays for the servers.

``running(sites)`` starts them and gives the inventory, and what a bare script needs to reach the same nodes;
``python -m benchmarks.labs FOLDER SITES LABS`` is that process. Pages are off and the health monitors sleep:
what is measured is the answer to a client.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from retrust_plugins.lab import Lab, LabSettings
from retrust_plugins.lab.inventory import secrets_of, site_of
from retrust_plugins.lab.settings import IseServersSettings

QUIET = 3600.0
READY = "ready"


@dataclass(frozen=True)
class Labs:
    """``nodes`` is what ``benchmarks/bare.py`` reads (JSON)."""

    folder: Path
    nodes: Path

    def environment(self, home: str = "home", *, tunnels: str = "auto") -> dict[str, str]:
        """For a process of ours, with its state in the folder ``home``."""
        return {
            **os.environ,
            "RETRUST_INVENTORY": str(self.folder / f"{tunnels}.yaml"),
            "RETRUST_HOME": str(self.folder / home),
        }


@contextmanager
def running(sites: int = 1, labs: int | None = None) -> Iterator[Labs]:
    """``sites`` sites on ``labs`` labs, taken in turn; the process ends with the block."""
    with tempfile.TemporaryDirectory(prefix="retrust-bench-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "benchmarks.labs", name, str(sites), str(labs or sites)]
        with (
            (folder / "labs.log").open("w") as log,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                if process.stdout.readline().strip() != READY:
                    raise SystemExit("the labs did not start")
                yield Labs(folder, folder / "nodes.json")
            finally:
                process.stdin.close()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()


def settings() -> LabSettings:
    return LabSettings(web=False, health_interval=QUIET, ise_servers=IseServersSettings(interval=QUIET))


def site(lab: Lab, folder: Path, tunnels: str) -> dict[str, Any]:
    """A site without pages: the steps that need them are a person's."""
    secrets = secrets_of(lab)

    def reference(name: str) -> str:
        path = folder / f"{lab.primary.host}-{name}"
        path.write_text(secrets[name])
        path.chmod(0o600)
        return f"file:{path}"

    found = site_of(lab, reference)
    found["ha"]["driver"] = "operator"
    for ise in found["ise"]:
        ise["driver"] = "operator"
    found["trust"] = {"tunnels": tunnels, "watch": "1ms"}
    return found


def bare(lab: Lab) -> dict[str, Any]:
    """The same nodes for a script: the commands that ``check`` sends them, and where it looks for certificates."""

    def node(prime: Any, *commands: str) -> dict[str, Any]:
        return {
            "host": prime.host,
            "port": prime.ssh.port,
            "username": prime.username,
            "password": prime.password,
            "host_key": prime.host_key_fingerprint,
            "prompt": f"{prime.settings.hostname}/{prime.username}# ",
            "commands": ["terminal length 0", "ncs certvalidation tofu-certs listcerts", *commands],
        }

    primary = [lab.primary.host, lab.primary.health_port]
    secondary = [lab.secondary.host, lab.secondary.health_port]
    ise = [[i.host, i.port] for i in lab.ise]
    return {
        "nodes": [node(lab.primary, "ncs ha status"), node(lab.secondary)],
        "looks": [*ise, secondary, primary],
        "channels": [[0, end] for end in (*ise, secondary, ["127.0.0.1", primary[1]])]
        + [[1, end] for end in (primary, ["127.0.0.1", secondary[1]])],
    }


async def serve(folder: Path, sites: int, labs: int) -> None:
    """Until stdin ends."""
    async with AsyncExitStack() as stack:
        started = [await stack.enter_async_context(Lab(settings(), folder / f"lab-{n}")) for n in range(labs)]
        named = {f"site-{n:04}": started[n % labs] for n in range(sites)}
        for tunnels in ("auto", "never"):
            written = {lab.primary.host: site(lab, folder, tunnels) for lab in started}
            (folder / f"{tunnels}.yaml").write_text(
                yaml.dump(
                    {"sites": {name: written[lab.primary.host] for name, lab in named.items()}}, Dumper=_NoAliases
                )
            )
        (folder / "nodes.json").write_text(json.dumps([bare(lab) for lab in named.values()]))
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
