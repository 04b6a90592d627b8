"""Commands typed in this process, and a terminal at which somebody has to show who they are."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from retrust.approval.decisions import current_matter, gate_states
from retrust.approval.tokens import create_token
from retrust.cli.app import build
from retrust.engine.engine import Engine
from retrust.engine.loader import installed_plugins
from retrust.ledger import Case, Ledger

SITE = """
sites:
  lab1:
    target: openssh
    holders: {here: {path: known_hosts}}
    peers: {web1: {host: 127.0.0.1, port: 1}}
"""
"""An inventory of one small site, whose holder is a file and whose peer answers nothing."""


def retrust(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, typed in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "retrust", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def typed(*words: str, **environment: str) -> Result:
    """The command as it ends, and what it wrote; not for a running event loop: the command starts its own."""
    return CliRunner().invoke(build(installed_plugins(), words), list(words), env=environment)


class Terminal:
    """One engine and ledger, keys of ann, ben and a stranger, and commands under the account ``ann``."""

    def __init__(self, folder: Path, engine: Engine, ledger: Ledger) -> None:
        self.folder, self.engine, self.ledger = folder, engine, ledger

    async def token(self, person: str, **more: Any) -> str:
        return (
            await create_token(
                self.ledger, self.engine.inventory, person, lasts=timedelta(hours=1), actor="person:root", **more
            )
        )[1]

    async def type(self, *words: str, token: str = "", key: str | None = None) -> tuple[int, str]:
        """The exit code, and what was said in one line."""
        done = await asyncio.to_thread(
            typed,
            *words,
            *(["--sign-with", str(self.folder / key)] if key else []),
            USER="ann",
            SUDO_USER="ann",
            LOGNAME="ann",
            RETRUST_TOKEN=token,
            RETRUST_INVENTORY=str(self.engine.inventory.file),
        )
        return done.exit_code, " ".join(done.output.split())

    async def said(self, case: Case) -> list[tuple[str, bool]]:
        return [(d.actor, d.yes) for d in await self.ledger.decisions(case.id)]

    async def gates(self, case: Case) -> dict[str, str]:
        matter = await current_matter(self.engine, self.ledger, case.id)
        return {g.gate: g.state for g in await gate_states(self.engine, matter)}

    def rewrite(self, change: Mapping[str, Any]) -> None:
        """Change the inventory's people, and read it again."""
        file = self.folder / "retrust.yaml"
        document = yaml.safe_load(file.read_text())
        document["people"].update(change)
        file.write_text(yaml.safe_dump(document))
        self.engine = Engine.start(file)


def made_key(path: Path) -> str:
    """A key pair at this path; its public half as the .pub file holds it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text()
