"""``backup`` and ``restore``: what this home keeps, in one file that its owner alone can read.

The ledger is copied as it is at one moment, also while a service works. Prefect's own files are left out: the ledger is
the record. A ledger in PostgreSQL is not in the home, and is saved by PostgreSQL's means.
"""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from retrust.audit import verify_chain
from retrust.cli import output
from retrust.cli.options import InventoryOption
from retrust.cli.started import start
from retrust.engine.engine import Engine
from retrust.errors import PermanentError, UsageError

LEDGER = "ledger.db"
LEFT_OUT = ("prefect", "serve.lock", f"{LEDGER}-wal", f"{LEDGER}-shm", f"{LEDGER}-journal")


def backup(
    to: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, such as retrust.tar.gz.")],
    inventory: InventoryOption = None,
) -> None:
    """Save this home: the ledger, its keys, transcripts and pictures. The file holds keys: keep it as safe as them."""
    engine = start(inventory)
    if not engine.home.is_dir():
        raise UsageError("there is nothing to save: this home does not exist", where=str(engine.home))
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError("exists already and is left as it is", where=str(to), hint="name another file") from None
    except OSError as exc:
        raise UsageError(f"cannot be written: {exc.strerror}", where=str(to)) from exc
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        kept = sorted(path for path in engine.home.iterdir() if path.name not in (*LEFT_OUT, LEDGER))
        for path in kept:  # before the ledger: what they say of it must be in it
            archive.add(path, path.name)
        if (engine.home / LEDGER).exists():
            with tempfile.TemporaryDirectory() as folder:
                _copy(engine.home / LEDGER, Path(folder) / LEDGER)
                archive.add(Path(folder) / LEDGER, LEDGER)
    output.say(f"saved {engine.home} as {to}; restore it into an empty home: retrust restore {to}")
    if engine.inventory.ledger.url is not None:
        output.say("warning: the ledger is in PostgreSQL and not in this file: save it with pg_dump")


def _copy(ledger: Path, to: Path) -> None:
    """A copy of one moment, whoever writes meanwhile."""
    there, here = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True), sqlite3.connect(to)
    try:
        there.backup(here)
    except sqlite3.Error as exc:
        raise PermanentError(f"the ledger cannot be copied: {exc}", where=str(ledger)) from exc
    finally:
        there.close()
        here.close()
    to.chmod(0o600)


async def restore(
    saved: Annotated[Path, typer.Argument(metavar="FILE", help="What `retrust backup` wrote.")],
    inventory: InventoryOption = None,
) -> int:
    """Unpack a backup into an empty home, and check the ledger's chain there."""
    engine = start(inventory)
    if engine.home.exists() and any(engine.home.iterdir()):
        raise UsageError(
            "this home is not empty, and is left as it is",
            where=str(engine.home),
            hint="set RETRUST_HOME to a new folder",
        )
    _unpack(saved, engine.home)
    return await _checked(engine)


def _unpack(saved: Path, home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tarfile.open(saved, "r:gz") as archive:
            archive.extractall(home, filter="data")
    except (OSError, tarfile.TarError, EOFError) as exc:
        raise UsageError(f"this is not a whole backup: {exc}", where=str(saved)) from exc


async def _checked(engine: Engine) -> int:
    async with await engine.open_ledger() as ledger:
        chain = await verify_chain(ledger)
    output.say(f"restored into {engine.home}")
    output.show([str(chain)])
    return 0 if chain.ok else 1
