"""What a run needs of this machine, proven before it sends anything: secrets, a place to write, the target's own.

Nothing here writes at a target. What a target needs (its pages, its files) is proven by ``Connection.prepare``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retrust.errors import PermanentError, Refused, RetrustError

if TYPE_CHECKING:
    from retrust.engine.engine import Engine
    from retrust.inventory import Site
    from retrust.ledger import StepRecord
    from retrust.models import Plan, Snapshot, Step
    from retrust.target import Connection

_A_PAGE = 4096


def prove_writable(folder: Path) -> None:
    """Raise where nothing can be kept in a folder, or where it would be made: no permission, a full disk."""
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(_A_PAGE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise PermanentError(
            f"nothing can be written there: {exc.strerror}",
            where=str(there),
            hint="free some space, or give this folder to the user that Retrust runs as",
        ) from exc


def unwritable(home: Path) -> list[RetrustError]:
    """The error of ``RETRUST_HOME`` or of its folder for what runs keep, where there is one."""
    try:
        for folder in (home, home / "runs"):
            prove_writable(folder)
    except PermanentError as error:
        return [error]
    return []


async def unmet(engine: Engine, site: Site) -> list[RetrustError]:
    """What can be seen to be missing without reaching the site."""
    return [*await engine.secrets.unreadable(site), *unwritable(engine.home)]


async def missing(engine: Engine, connection: Connection, steps: Sequence[Step]) -> list[RetrustError]:
    """What these steps need and is not there. What looks like an interception is raised, as everywhere."""
    refs = [engine.inventory.secret(text) for step in steps for text in step.secrets]
    if found := [*await engine.secrets.unreadable(refs), *unwritable(engine.home)]:
        return found
    try:
        await connection.prepare(steps)
    except Refused:
        raise
    except RetrustError as error:
        return [error]
    return []


async def prove(engine: Engine, connection: Connection, plan: Plan, recorded: Iterable[StepRecord]) -> None:
    """Raise where the steps that were not sent yet lack anything; the same plan can be run once it is there."""
    sent = {record.step for record in recorded if record.phase in ("sent", "done", "undecided", "skipped")}
    if lacking := await missing(engine, connection, [step for step in plan.steps if step.id not in sent]):
        error = joined(lacking)
        error.what += "; this run sent nothing"
        raise error


def joined(errors: Sequence[RetrustError]) -> RetrustError:
    """The first of them, which names the others, too."""
    errors[0].what = "; ".join((errors[0].what, *map(str, errors[1:])))
    return errors[0]


def noted(snapshot: Snapshot, errors: Iterable[RetrustError]) -> Snapshot:
    """The snapshot as it is shown, with what is missing among its problems."""
    return snapshot.model_copy(update={"problems": (*snapshot.problems, *dict.fromkeys(map(str, errors)))})
