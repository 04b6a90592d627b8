"""Syslog's bytes: whose a message is, and where it ends, however a stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust_plugins.syslog.messages import Frames, host_of


@pytest.mark.parametrize(
    ("message", "host"),
    [
        (b"<165>1 2024-05-01T12:00:00.003Z prime-pri ncs 123 ID47 - text", "prime-pri"),
        (b"<34>1 - 10.0.0.11 - - - - text", "10.0.0.11"),
        (b"<34>1 2024-05-01T12:00:00Z - app - - - text", None),
        (b"<13>May  1 12:00:00 prime-sec ncs: text", "prime-sec"),
        (b"<13>May 11 12:00:00 2001:db8::1 ncs: text", "2001:db8::1"),
        (b"<13>2024-05-01T12:00:00+02:00 host.example.com app: text", "host.example.com"),
        (b"May  1 12:00:00 prime-sec ncs: text", "prime-sec"),
        (b"<13>Oct 11 22:14:15 ncs[17]: text", None),
        (b"<13>2025-10-11T22:14:15Z ncs[17]: text", None),
        (b"<189>17: *Mar 14 09:26:53.589 CET: %SYS-4-X: text", None),
        (b"<13>Nov 9 14:43:26 prime-pri ncs: text", "prime-pri"),
        (b"<13>Oct 11 22:14:15.003 prime-pri ncs: text", "prime-pri"),
        (b"<13>Oct 11 22:14:15.003 CET prime-pri ncs: text", "prime-pri"),
        (b"<13>Oct 11 2025 22:14:15 prime-pri ncs: text", "prime-pri"),
        (b"<13>Oct 11 2025 22:14:15 prime-pri : %ASA-6-1: text", "prime-pri"),
        (b"<13>2025 Oct 11 22:14:15 prime-pri ncs: text", "prime-pri"),
        (b"<13>Oct 11 22:14:15 ncs: text", None),
        (b"<13>Oct 11 22:14:15 prime-pri: %SYS-5-X: text", "prime-pri"),
        (b"<188>17: prime-pri: Nov 23 22:23:27.833 NewYork: %SYS-4-X: text", "prime-pri"),
        (b"<188>prime-pri: *Nov 23 22:23:27.833: %SYS-4-X: text", "prime-pri"),
        (b"<188>17: prime-pri: 000018: .Nov 23 2025 22:23:27.833 CET: %SYS-4-X: text", "prime-pri"),
        (b"<13>Oct 11 22:14:16 relay <13>Oct 11 22:14:15 prime-pri ncs: text", "prime-pri"),
        (b"<13>Oct 11 22:14:16 relay 1 2025-10-11T22:14:15Z prime-pri ncs - - - text", "prime-pri"),
        (b"<13>Oct 11 22:14:16 relay Oct 11 22:14:15 prime-pri ncs: text", "prime-pri"),
        (b"<13>Oct 11 22:14:15 src@prime-pri ncs: text", "prime-pri"),
        (b"<13>1 2025-10-11T22:14:15.003+02:00 [2001:db8::1] ncs - - - text", "2001:db8::1"),
        (b"<13>no header at all", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_the_host_is_the_headers(message: bytes, host: str | None) -> None:
    """In either format; none where the header names none."""
    assert host_of(message) == host


messages = st.lists(st.binary(min_size=1, max_size=300).filter(lambda m: b"\n" not in m), min_size=1, max_size=8)


def joined(frames: Frames, chunks: list[bytes]) -> list[bytes]:
    """Whole messages, put together from their parts."""
    found, current = [], b""
    for piece in [p for chunk in chunks for p in frames.feed(chunk)] + [frames.rest()]:
        current += piece.data
        if piece.ends:
            found.append(current)
            current = b""
    return [message for message in found if message]


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(messages, st.integers(1, 50), st.integers(16, 200))
def test_counted_messages_are_found_however_they_are_cut(said: list[bytes], size: int, part: int) -> None:
    """Octet counting gives every byte of a message, line ends inside it included."""
    whole = [b"<13>" + message + b"\nand more" for message in said]
    stream = b"".join(b"%d %s" % (len(message), message) for message in whole)
    assert joined(Frames(part), cut(stream, size)) == whole


@given(messages, st.integers(1, 50), st.integers(16, 200))
def test_lines_are_found_however_they_are_cut(said: list[bytes], size: int, part: int) -> None:
    """Messages that begin with a priority and end with a newline."""
    whole = [b"<13>" + message.replace(b"\0", b"0") for message in said]
    assert joined(Frames(part), cut(b"".join(message + b"\n" for message in whole), size)) == whole


@given(
    st.lists(
        st.tuples(st.from_regex(rb"\A<[1-9][0-9]?>[a-z ]{1,40}\Z"), st.sampled_from(["nul", "lf", "crlf", "counted"])),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 50),
)
def test_framings_may_mix(said: list[tuple[bytes, str]], size: int) -> None:
    """Each message is told when its own end came, be it a NUL, a line end or a count."""
    ways = {"nul": b"%s\0", "lf": b"%s\n", "crlf": b"%s\r\n"}
    stream = b"".join(
        ways[way] % message if way in ways else b"%d %s" % (len(message), message) for message, way in said
    )
    frames, found, current = Frames(), [], b""
    for piece in (piece for chunk in cut(stream, size) for piece in frames.feed(chunk)):
        current += piece.data
        if piece.ends:
            found.append(current.rstrip(b"\r"))
            current = b""
    assert [message for message in found if message] == [message for message, _ in said]


def test_a_long_line_costs_no_memory() -> None:
    """It is given in parts; what is held back is less than one of them."""
    frames, part = Frames(1024), b"x" * 1000
    for _ in range(1000):
        frames.feed(part)
        assert len(frames.rest().data) < 2048
