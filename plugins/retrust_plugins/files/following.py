"""Files followed by what they are, not by what they are called: a rename is no end, a new file no continuation.

A file is one inode; it is kept open, so that a rotated one is read to its end and its number cannot be given
to another. Where the service was stopped, it goes on where it was, if the file still begins with the same
bytes. Between two looks a name may have passed through several files: those that bear a rotated form of a
followed name, and were not there at the last look, are read too.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retrust.logs import CONTEXT, Scanner
from retrust.signatures import CUT, LogSignature, Match

HEAD = 256
BLOCK = 256 * 1024
PACKED = (".gz", ".bz2", ".xz", ".zst")

Id = tuple[int, int]


@dataclass(frozen=True)
class Kept:
    """Where one file is gone on with: ``head`` is the digest of its first ``headed`` bytes.

    ``told`` is how many events behind ``offset`` were told of already, by signature: one that is not over yet may
    stand before them.
    """

    offset: int
    headed: int
    head: str
    told: Mapping[str, int] = field(default_factory=dict)


class Followed:
    """One open file. ``read`` gives what it tells of; ``safe`` is from where nothing must be read again.

    ``live`` is whether what was told last was written while we followed, after all that we found there.
    """

    def __init__(
        self, path: Path, signatures: Sequence[LogSignature], *, offset: int = 0, told: Mapping[str, int] | None = None
    ) -> None:
        self.path = path
        self._file = path.open("rb", buffering=0)
        status = os.fstat(self._file.fileno())
        self.id: Id = (status.st_dev, status.st_ino)
        self._signatures = signatures
        self._begin(min(offset, status.st_size), told or {})

    def _begin(self, offset: int, told: Mapping[str, int] = MappingProxyType({})) -> None:
        """Read on from ``offset``; what stands before it is context, and was told of already."""
        self._scanner = Scanner(self._signatures)
        self._file.seek(max(0, offset - CONTEXT))
        before = self._file.read(offset - self._file.tell()) if offset else b""
        self._scanner.feed(before or b"")
        self._scanner.flush()
        self.offset = self.safe = offset
        self._told: Counter[str] = Counter()
        self._again = Counter(told)
        self.live = self._caught_up = False
        self._head = os.pread(self._file.fileno(), min(HEAD, offset), 0)

    @property
    def pending(self) -> bool:
        return self._scanner.pending

    @property
    def status(self) -> os.stat_result:
        return os.fstat(self._file.fileno())

    @property
    def behind(self) -> int:
        return max(0, self.status.st_size - self.offset)

    @property
    def written_at(self) -> datetime:
        """No line can be newer than this."""
        return datetime.fromtimestamp(self.status.st_mtime, UTC)

    def is_gone(self) -> bool:
        return self.status.st_nlink == 0

    def read(self) -> list[Match] | None:
        """What the next block tells of; None at its end. A file that was cut short is begun again."""
        if self.status.st_size < self.offset or self._head != os.pread(self._file.fileno(), len(self._head), 0):
            self._begin(0)
        self.live = self._caught_up
        block = self._file.read(BLOCK)
        if not block:
            self._caught_up = self._caught_up or not self.pending
            return None
        self.offset += len(block)
        if len(self._head) < HEAD:
            self._head = os.pread(self._file.fileno(), min(HEAD, self.offset), 0)
        return self._settled(self._scanner.feed(block))

    def flush(self) -> list[Match]:
        """What is pending, as far as it came; the file may go on."""
        self.live, self._caught_up = self._caught_up, True
        in_a_line = self.offset and os.pread(self._file.fileno(), 1, self.offset - 1) not in (b"\n", b"\0")
        begun = self._scanner.feed(CUT.encode()) if in_a_line and self.pending else []
        return self._settled(begun + self._scanner.flush())

    def _settled(self, matches: list[Match]) -> list[Match]:
        """Those that were not told of before; from where all is told, nothing is read again."""
        new = [match for match in matches if not self._is_again(match)]
        if not self._scanner.pending:
            self.safe = self.offset
            self._told.clear()
            self._again.clear()
        return new

    def _is_again(self, match: Match) -> bool:
        self._told[match.signature] += 1
        return self._told[match.signature] <= self._again[match.signature]

    def kept(self) -> Kept:
        head = self._head[: self.safe]
        return Kept(self.safe, len(head), _digest(head), dict(self._told))

    def close(self) -> None:
        self._file.close()


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:32]


@dataclass
class Following:
    """All files that some globs name. ``backlog``: read what is there at the very first start."""

    globs: Sequence[str]
    signatures: Sequence[LogSignature]
    backlog: bool = False
    kept: dict[Id, Kept] = field(default_factory=dict)
    files: dict[Id, Followed] = field(default_factory=dict)
    trouble: str = ""
    _passed: dict[Id, Kept] = field(default_factory=dict)
    _first: bool = True
    _went_before: bool = False

    # -- what there is ----------------------------------------------------------------------------

    def folders(self) -> set[Path]:
        """Every folder in which a followed name may appear."""
        found = {path.parent for pattern in self.globs for path in _matching(pattern)}
        plain = {Path(pattern).parent for pattern in self.globs if not glob.has_magic(str(Path(pattern).parent))}
        return {folder for folder in found | plain if folder.is_dir()}

    def look(self) -> None:
        """Open what is new, and let go of what was rotated away and read to its end."""
        self.trouble, named = "", self._named()
        rotated = self._rotated(named)
        if self._first:
            for path, status in rotated.items():
                self._pass_over(path, status)
        there = {_id(status) for status in (rotated | named).values()}
        self._passed = {id_: kept for id_, kept in self._passed.items() if id_ in there}
        for path, status in sorted((rotated | named).items(), key=lambda item: item[1].st_mtime):
            self._open(path, status, is_named=path in named)
        for id_ in [id_ for id_ in self.files if id_ not in {_id(status) for status in named.values()}]:
            self._let_go(id_)
        self._first = False

    def _named(self) -> dict[Path, os.stat_result]:
        return dict(_stats(path for pattern in self.globs for path in _matching(pattern)))

    def _rotated(self, named: dict[Path, os.stat_result]) -> dict[Path, os.stat_result]:
        """Siblings that bear a rotated form of a followed name."""
        forms = {(path.parent, _form(path.name)) for path in named}
        siblings = (Path(entry.path) for folder in {folder for folder, _ in forms} for entry in _entries(folder))
        return {
            path: status
            for path, status in _stats(siblings)
            if path not in named
            and not path.name.endswith(PACKED)
            and any(folder == path.parent and _form(path.name).startswith(form) for folder, form in forms)
        }

    def _pass_over(self, path: Path, status: os.stat_result) -> None:
        """At the start, old files are history, but for one that was being read when the service stopped."""
        kept = self.kept.get(_id(status))
        if kept is None or not _begins_with(path, kept):
            self._passed[_id(status)] = _whole(path, status)

    def _open(self, path: Path, status: os.stat_result, *, is_named: bool) -> None:
        id_ = _id(status)
        if id_ in self.files:
            self.files[id_].path = path
            return
        passed = self._passed.get(id_)
        if not is_named and passed is not None and _begins_with(path, passed):
            return
        self._passed.pop(id_, None)
        try:
            offset, told = self._begins_at(path, status, passed)
            followed = Followed(path, self.signatures, offset=offset, told=told)
        except OSError as exc:
            self.trouble = f"{path} cannot be read: {exc.strerror}"
            return
        self.files[followed.id] = followed

    def _begins_at(self, path: Path, status: os.stat_result, passed: Kept | None) -> tuple[int, Mapping[str, int]]:
        kept = self.kept.pop(_id(status), None) or passed
        if kept is not None and _begins_with(path, kept):
            return kept.offset, kept.told
        return (status.st_size if self._first and not self.backlog and not self._went_before else 0), {}

    def _let_go(self, id_: Id) -> None:
        followed = self.files[id_]
        if followed.behind or followed.pending:
            return
        if not followed.is_gone():
            self._passed[id_] = followed.kept()
        followed.close()
        del self.files[id_]

    # -- keeping ----------------------------------------------------------------------------------

    def state(self) -> list[list[Any]]:
        """For ``restore``: where every open file is gone on with."""
        kept = {id_: followed.kept() for id_, followed in self.files.items()}
        return [[*id_, k.offset, k.headed, k.head, k.told] for id_, k in kept.items()]

    def restore(self, state: Iterable[Sequence[Any]]) -> None:
        self.kept = {(int(d), int(i)): Kept(int(o), int(n), str(h), t) for d, i, o, n, h, t in state}
        self._went_before = True

    def close(self) -> None:
        for followed in self.files.values():
            followed.close()
        self.files.clear()


def _matching(pattern: str) -> Iterator[Path]:
    return map(Path, glob.iglob(pattern))  # noqa: PTH207 - Path.glob takes no absolute pattern


def _id(status: os.stat_result) -> Id:
    return status.st_dev, status.st_ino


def _stats(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files only; one that goes away meanwhile is none."""
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            yield path, status


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def _form(name: str) -> str:
    """``hm-0-0.log``, ``hm-0-1.log`` and ``hm-0-0.log.1`` begin alike when numbers are left out of account."""
    return re.sub(r"\d+", "#", name)


def _begins_with(path: Path, kept: Kept) -> bool:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size >= kept.offset and _digest(file.read(kept.headed)) == kept.head
    except OSError:
        return False


def _whole(path: Path, status: os.stat_result) -> Kept:
    try:
        with path.open("rb") as file:
            head = file.read(min(HEAD, status.st_size))
    except OSError:
        head = b""
    return Kept(status.st_size, len(head), _digest(head))
