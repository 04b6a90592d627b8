"""The frame of a pack: every byte follows from its files, and what no pack holds is refused before it is unfolded."""

from __future__ import annotations

import io
import resource
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.audit.archive import Damaged, first_change, packed, unpacked

FILES = {"case.json": b"{}\n", "attachments/shot.png": b"\x89PNG", "empty": b""}


def complaint(data: bytes) -> str:
    with pytest.raises(Damaged, match="the archive cannot be read") as found:
        unpacked(data)
    assert str(found.value).isprintable()
    return str(found.value)


def test_the_same_files_are_the_same_bytes() -> None:
    """In whatever order they come; what is unpacked is what was packed."""
    assert packed(FILES) == packed(dict(reversed(FILES.items())))
    assert unpacked(packed(FILES)) == FILES


def test_anybody_can_unpack_it() -> None:
    """It is an ordinary archive, with nothing compressed and one time stamp."""
    with zipfile.ZipFile(io.BytesIO(packed(FILES))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
        assert archive.namelist() == sorted(FILES)
        assert {(info.date_time, info.compress_type) for info in archive.infolist()} == {((1980, 1, 1, 0, 0, 0), 0)}


def test_a_file_is_read_as_it_is_now() -> None:
    """A changed byte is given as it stands, whatever the archive's checksum says: the manifest judges it."""
    changed = packed(FILES).replace(b"\x89PNG", b"\x89PNX")
    assert unpacked(changed) == FILES | {"attachments/shot.png": b"\x89PNX"}


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"no archive", packed(FILES)[:-1], packed(FILES)[: len(packed(FILES)) // 2]]
)
def test_what_is_no_archive(data: bytes) -> None:
    """It is damaged, in one line."""
    complaint(data)


@settings(max_examples=many(100))
@given(st.binary(max_size=20), st.binary(max_size=20))
def test_the_first_change(one: bytes, two: bytes) -> None:
    """Before that place both are the same, and at it they are not; the same bytes have none."""
    at = first_change(one, two)
    if at is None:
        assert one == two
    else:
        assert one[:at] == two[:at]
        assert one[at : at + 1] != two[at : at + 1]


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    frame = io.BytesIO()
    with zipfile.ZipFile(frame, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return frame.getvalue()


def test_a_bomb() -> None:
    """Compressed files are not unfolded at all."""
    bomb = zipped({name: bytes(10_000_000) for name in ("manifest.json", "manifest.sig")}, zipfile.ZIP_DEFLATED)
    assert "is compressed" in complaint(bomb)


def test_files_on_top_of_one_another() -> None:
    """A thousand names of the same megabyte take no gigabyte."""
    body = bytes(1 << 20)
    once = zipped({"a": body})
    at = once.rindex(b"PK\x01\x02")
    entry = bytearray(once[at : once.rindex(b"PK\x05\x06")])
    names = [bytes(entry[:46])[:28] + struct.pack("<H", 4) + bytes(entry[30:46]) + b"%04d" % n for n in range(1000)]
    directory = b"".join(names)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1000, 1000, len(directory), at, 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "larger than all of it" in complaint(once[:at] + directory + end)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "C:\\x", "x\x00.txt", "\x1b[2J", "a\nb", "\u202etxt"]
)
def test_wild_names(name: str) -> None:
    """A name that leads out of the folder into which somebody unpacks it, or that a terminal would obey."""
    written = name.replace("\x00", "@")  # zipfile would end the name at a NUL
    data = packed(FILES | {written: b""}).replace(written.encode(), name.encode())
    assert "a name that leads out of a folder, or cannot be shown" in complaint(data)


def test_two_files_of_one_name() -> None:
    """Which of them is meant differs between readers, so neither is."""
    twice = packed(FILES | {"cas_.json": b"{}"}).replace(b"cas_.json", b"case.json")
    assert "it holds 'case.json' twice" in complaint(twice)
