"""Where state lives: ``RETRUST_HOME``, the inventory's ``home``, or the platform's user data folder.

It belongs to one user alone, and to one service at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import platformdirs

from retrust.errors import PermanentError, UsageError


def home_folder(in_inventory: Path | None = None) -> Path:
    """The folder; made when something is first written into it, readable by its owner only."""
    named = os.environ.get("RETRUST_HOME") or in_inventory
    if named:
        return Path(named).expanduser().absolute()
    return Path(platformdirs.user_data_dir("retrust", appauthor=False))


def keep_private(home: Path) -> None:
    """Close an existing home and its files to others; refuse one that others could have written to.

    Whoever can write there can replace the ledger, its key, and what was seen of it.
    """
    if home.exists() and not home.is_dir():
        raise UsageError("RETRUST_HOME is a file, and must be a folder", where=str(home))
    if os.name != "posix" or not home.is_dir():
        return
    try:
        inside = list(home.iterdir())
    except OSError as exc:
        raise UsageError(f"RETRUST_HOME cannot be read: {exc.strerror}", where=str(home)) from exc
    for path in (home, *inside):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            continue
        if status.st_mode & 0o022:
            raise UsageError(
                "others can write to it, so what it holds cannot be trusted",
                where=str(path),
                hint=f"check that nobody changed it, then: chmod go-rwx {path}",
            )
        if status.st_uid not in (0, os.geteuid()):
            raise UsageError("it belongs to another user", where=str(path), hint="run as that user")
        if status.st_mode & 0o055 and status.st_uid == os.geteuid():
            path.chmod(status.st_mode & 0o700)


@contextmanager
def serving(home: Path, inventory: str | None) -> Iterator[None]:
    """This process is the service of a home; a second one is refused. Others of this user can ask which home it is."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as held:
        if not _locked(held, home / "serve.lock", str(os.getpid())):
            raise PermanentError(
                "another `retrust serve` uses this home already", where=str(home), hint="stop it, or use another home"
            )
        if inventory is not None:
            with suppress(OSError):  # a user without a folder of their own: nobody can be told
                _locked(held, _mark(inventory), str(home))
        yield


def served_elsewhere(inventory: str | None, home: Path) -> Path | None:
    """The home of a running service of this user for the same inventory, where it is not ``home``."""
    mark = _mark(inventory) if inventory is not None else None
    if mark is None or not mark.is_file():
        return None
    with ExitStack() as held:
        if _locked(held, mark, None):
            return None  # nobody holds it: that service has ended
    there = Path(mark.read_text() or home)
    return there if there != home else None


def _mark(inventory: str) -> Path:
    name = hashlib.sha256(str(Path(inventory).resolve()).encode()).hexdigest()[:32]
    return Path(platformdirs.user_cache_dir("retrust", appauthor=False)) / "serving" / name


def _locked(held: ExitStack, path: Path, text: str | None) -> bool:
    """Lock a file until ``held`` ends, and write ``text`` into it; False where somebody else holds it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = held.enter_context(os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+"))
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if text is not None:
        file.truncate(0)
        file.write(text)
        file.flush()
    return True
