"""Where state lives: ``RETRUST_HOME``, or the platform's user data folder. It belongs to one user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs

from retrust.errors import UsageError


def home_folder() -> Path:
    """The folder; made when something is first written into it, readable by its owner only."""
    named = os.environ.get("RETRUST_HOME")
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
