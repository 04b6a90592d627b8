"""A carrier comes off and the log's own lines are left, however the stream is cut."""

from __future__ import annotations

import json

import pytest

from retrust.logs.carriers import FIRST, Carriers
from retrust.signatures import CUT

LINE = b"TrustAnchor changed"
PAD = b"." * FIRST + b"\n"
AT = b"2024-05-01T12:00:00.000000000Z "
DOCKER = b"".join(
    json.dumps({"log": text, "stream": "stdout", "time": AT.decode().strip()}).encode() + b"\n"
    for text in ("TrustAnchor ", "changed\n")
)


def read(raw: bytes, size: int) -> bytes:
    carriers = Carriers([b"TrustAnchor"])
    return b"".join(carriers.feed(raw[i : i + size]) for i in range(0, len(raw), size)) + carriers.flush()


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (LINE + b"\n", LINE + b"\n"),
        (b"\x1b[31mTrustAnchor\x1b[0m changed\n", LINE + b"\n"),
        ("TrustAnchor changed\n".encode("utf-16"), LINE + b"\n"),
        (AT + b"stdout P TrustAnchor \n" + AT + b"stdout F changed\n", AT + LINE + b"\n"),
        (DOCKER, AT + LINE + b"\n"),
        (b'{"msg": "one\\nTrustAnchor changed"}\n', b"one\n" + LINE + b"\n"),
        (b'app: {"msg": "{\\"msg\\": \\"TrustAnchor changed\\"}"}\n', b"app: " + LINE + b"\n"),
    ],
)
def test_the_logs_own_lines_are_left(raw: bytes, expected: bytes, size: int) -> None:
    """Colours, encodings, containers' parts, JSON and JSON in it."""
    if raw.startswith(b"\xff\xfe"):
        assert read(("." * FIRST + "\nTrustAnchor changed\n").encode("utf-16"), size) == PAD + expected
    else:
        assert read(PAD + raw, size) == PAD + expected


def test_a_line_whose_rest_never_came_says_so() -> None:
    """A name at its end is not taken for a whole one."""
    cut = read(PAD + AT + b"stdout P TrustAnchor cha\n", 10_000)
    assert cut == PAD + AT + b"TrustAnchor cha" + CUT.encode() + b"\n"


def test_only_what_holds_an_anchor_is_awaited() -> None:
    """Else nothing is pending, and a flush gives nothing."""
    carriers = Carriers([b"TrustAnchor"])
    carriers.feed(PAD + AT + b"stdout P something else\n")
    assert not carriers.pending
    assert carriers.flush() == b""


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (PAD + LINE, True),
        (PAD + b'{"msg": "x"}\n', False),
        (PAD + b"\x1b[31m", False),
        (PAD + AT + b"stdout P x\n", False),
        (b"\xff\xfe" + PAD, False),
        (PAD + b"a\0b", False),
        (b"short", False),
    ],
)
def test_what_is_in_no_carrier_is_left_alone(raw: bytes, plain: bool) -> None:
    """It is told by a few looks, and goes by without a copy; a stream's first bytes are awaited."""
    assert Carriers([b"TrustAnchor"]).is_plain(bytearray(raw), 0, len(raw)) is plain
