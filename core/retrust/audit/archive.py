"""The pack's frame: a ZIP archive whose every byte follows from its files.

Sorted names, one time stamp, nothing compressed (a compressor's output differs between versions). So a
reader can make the frame again and compare: a byte changed outside of the files is found as well.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

FORMAT = "retrust evidence pack 1"
MANIFEST, SIGNATURE, PUBLIC_KEY = "manifest.json", "manifest.sig", "public.pem"
CHAIN, README = "chain.jsonl", "README.txt"
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
            return {info.filename: _stored(data, info) for info in archive.infolist()}
    except Exception as exc:  # zipfile raises half a dozen kinds for bytes that make no archive
        raise Damaged(f"the archive cannot be read: {exc}") from exc


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
