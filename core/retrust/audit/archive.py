"""The pack's frame: a ZIP archive whose every byte follows from its files.

Sorted names, one time stamp, nothing compressed (a compressor's output differs between versions). So a
reader can make the frame again and compare: a byte changed outside of the files is found as well.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

FORMAT = "retrust evidence pack 1"
MANIFEST, SIGNATURE, PUBLIC_KEY = "manifest.json", "manifest.sig", "public.pem"
CHAIN, README = "chain.jsonl", "README.txt"
KEYS = "keys.jsonl"
"""How the signer's key was let into the chain, where the chain did not begin with it."""
UNSIGNED = (MANIFEST, SIGNATURE, PUBLIC_KEY)
"""What the manifest cannot list: itself, its signature, and the key that the signature proves."""

EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
LOCAL_HEADER = 30


class Damaged(Exception):
    """The archive cannot be read."""


def packed(files: Mapping[str, bytes]) -> bytes:
    frame = io.BytesIO()
    with zipfile.ZipFile(frame, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = UNIX
            info.external_attr = 0o644 << 16
            archive.writestr(info, files[name])
    return frame.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files as they are in the archive now; Damaged where it is none any more."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
        _refuse(members, len(data))
        return {info.filename: _stored(data, info) for info in members}
    except Exception as exc:  # zipfile raises half a dozen kinds for bytes that make no archive
        raise Damaged(f"the archive cannot be read: {exc}") from exc


def _refuse(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """What no pack holds: packed or overlapping files, which would unfold into more than was read, and wild names."""
    seen: set[str] = set()
    for info in members:
        name = info.orig_filename
        if name in seen:
            raise ValueError(f"it holds {name!r} twice")
        if name.startswith("/") or not name.isprintable() or "\\" in name or ".." in name.split("/"):
            raise ValueError(f"it holds {name!r}, a name that leads out of a folder, or cannot be shown")
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name!r} is compressed, and a pack compresses nothing")
        seen.add(name)
    if sum(info.file_size for info in members) > size:
        raise ValueError("its files are said to be larger than all of it")


def _stored(data: bytes, info: zipfile.ZipInfo) -> bytes:
    """A file's bytes whatever its checksum says: the manifest's are the ones that count."""
    name, extra = struct.unpack_from("<HH", data, info.header_offset + 26)
    start = info.header_offset + LOCAL_HEADER + name + extra
    return data[start : start + info.file_size]


def first_change(data: bytes, expected: bytes) -> int | None:
    """Where two frames first differ."""
    if data == expected:
        return None
    same = next((at for at, (a, b) in enumerate(zip(data, expected, strict=False)) if a != b), None)
    return same if same is not None else min(len(data), len(expected))
