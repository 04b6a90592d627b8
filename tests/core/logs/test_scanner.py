"""The scanner: every anchor is shown to its signature once, whatever the stream and however it is cut."""

import io
import random
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrust.logs.scanner import BLOCK, CONTEXT, PATIENCE, Scanner, scan_file, scan_stream
from retrust.signatures import Match, Reading, Window


@dataclass
class Tagged:
    """Reads ``ANCHOR<text>``; waits for the closing bracket unless nothing more comes."""

    name: str = "tagged"
    anchor: bytes = b"ANCHOR<"
    windows: list[Window] = field(default_factory=list)

    def read(self, window: Window) -> Reading:
        self.windows.append(window)
        matches = []
        for found in re.finditer(re.escape(self.anchor), window.data):
            if found.start() < window.fresh:
                continue
            close = window.data.find(b">", found.end())
            if close < 0 and not window.final:
                return Reading(matches, found.start())
            named = window.data[found.end() : close if close >= 0 else len(window.data)]
            text = named[:20].decode(errors="replace")
            matches.append(Match(self.name, text, None, None, text, window.offset + found.start()))
        return Reading(matches, len(window.data))


@dataclass
class Never:
    """Never settles anything, which a scanner must survive."""

    name: str = "never"
    anchor: bytes = b"ANCHOR<"

    def read(self, window: Window) -> Reading:
        return Reading([], 0)


def found(matches: list[Match]) -> list[tuple[str | None, int]]:
    return [(match.dn, match.offset) for match in matches]


def expected(raw: bytes) -> list[tuple[str | None, int]]:
    return [(m[1].decode()[:20], m.start()) for m in re.finditer(rb"ANCHOR<(?=([^>]*))", raw)]


def stream_of(size: int, every: int, seed: int) -> bytes:
    """Bytes without any structure, and tags at irregular places."""
    rng = random.Random(seed)
    parts, total = [], 0
    while total < size:
        filler = rng.randbytes(rng.randrange(every)).replace(b"ANCHOR<", b"").translate(None, b">{\x1b\0")
        parts += [filler, b"ANCHOR<%d>" % total]
        total += len(filler) + 12
    return b"".join(parts)


@pytest.mark.parametrize("step", [1, 7, 4096, BLOCK - 1, BLOCK, 10 * BLOCK])
def test_every_anchor_once(step: int) -> None:
    """Chunks of any size, tags at any place: each is found once, at its offset, in order."""
    raw = stream_of(60_000 if step < 10 else 3 * BLOCK, 3000, step)
    scanner = Scanner([Tagged()])
    matches = [match for i in range(0, len(raw), step) for match in scanner.feed(raw[i : i + step])]
    assert found(matches + scanner.flush()) == expected(raw)


@given(
    st.lists(st.sampled_from([b"ANCHOR<", b"ANC", b"HOR<", b"a>", b"\n", b">", b"x" * 9000]), max_size=30),
    st.lists(st.integers(1, 40_000), min_size=1, max_size=5),
)
@settings(max_examples=60)
def test_any_cuts_find_the_same(pieces: list[bytes], steps: list[int]) -> None:
    """An anchor or an event cut by a chunk's border is the same one."""
    raw = b"".join(pieces)
    scanner, at, matches = Scanner([Tagged()]), 0, []
    while at < len(raw):
        step = steps[at % len(steps)]
        matches += scanner.feed(raw[at : at + step])
        at += step
    assert [m.offset for m in matches + scanner.flush()] == [o for _, o in expected(raw)]


@pytest.mark.parametrize("border", [BLOCK, CONTEXT + PATIENCE + BLOCK, 2 * BLOCK])
@pytest.mark.parametrize("before", range(9))
def test_an_anchor_across_the_end_of_a_block(tmp_path: Path, border: int, before: int) -> None:
    """Wherever a read ends in an anchor, the anchor is found."""
    log = tmp_path / "log"
    log.write_bytes(b"." * (border - before) + b"ANCHOR<x>" + b"." * 100)
    assert found(list(scan_file(log, [Tagged()]))) == [("x", border - before)]


def test_files_and_streams_give_the_same(tmp_path: Path) -> None:
    """A file, a buffered stream, and chunks: one result."""
    raw = stream_of(3 * BLOCK, 5000, 1)
    log = tmp_path / "log"
    log.write_bytes(raw)
    assert found(list(scan_file(log, [Tagged()]))) == expected(raw)
    assert found(list(scan_stream(io.BytesIO(raw), [Tagged()]))) == expected(raw)


def test_signatures_do_not_disturb_each_other() -> None:
    """Two signatures over one stream each find theirs; none at all finds nothing."""
    raw = b"." * BLOCK + b"ANCHOR<a> OTHER<b> ANCHOR<c>" + b"." * BLOCK
    scanner = Scanner([Tagged(), Tagged("other", b"OTHER<")])
    assert {(m.signature, m.dn) for m in scanner.feed(raw) + scanner.flush()} == {
        ("tagged", "a"),
        ("other", "b"),
        ("tagged", "c"),
    }
    nothing = Scanner([])
    assert nothing.feed(raw * 5) == nothing.flush() == []


def test_context_stands_before_an_anchor() -> None:
    """A signature sees what came before its anchor, up to the limit, over the borders of chunks."""
    signature = Tagged()
    scanner = Scanner([signature])
    for chunk in (b"a" * BLOCK, b"b" * CONTEXT, b"ANCHOR<x>"):
        scanner.feed(chunk)
    scanner.flush()
    window = signature.windows[-1]
    assert window.data == b"b" * CONTEXT + b"ANCHOR<x>"
    assert window.offset == BLOCK


def test_what_was_reported_is_shown_as_context() -> None:
    """After a flush the stream goes on, and what was reported is shown again as no longer fresh."""
    signature = Tagged()
    scanner = Scanner([signature])
    scanner.feed(b"ANCHOR<a>")
    assert found(scanner.flush()) == [("a", 0)]
    assert scanner.flush() == []
    scanner.feed(b"ANCHOR<b>")
    assert found(scanner.flush()) == [("b", 9)]
    assert signature.windows[-1].data == b"ANCHOR<a>ANCHOR<b>"
    assert 0 < signature.windows[-1].fresh <= 9


def test_nothing_is_read_without_an_anchor() -> None:
    """A signature is not called for what does not hold its anchor, and nothing is pending then."""
    signature = Tagged()
    scanner = Scanner([signature])
    scanner.feed(stream_of(BLOCK, 3000, 2).replace(b"ANCHOR", b"anchor"))
    assert scanner.flush() == []
    assert signature.windows == []
    assert not scanner.pending


def test_an_event_that_never_ends_is_read_in_the_end() -> None:
    """After so many bytes an event is read as far as it came, without a flush."""
    signature = Tagged()
    scanner = Scanner([signature])
    matches = scanner.feed(b"ANCHOR<" + b"x" * (PATIENCE + 10))
    assert len(matches) == 1
    assert not scanner.pending


def test_memory_stays_bounded() -> None:
    """No line ends, invalid UTF-8, anchors that no signature settles: windows stay as small as they were."""
    signature = Tagged()
    scanner = Scanner([signature, Never()])
    for _ in range(40):
        scanner.feed((b"\xff\x00ANCHOR<" + b"\xc3" * 50_000) * 5)
    assert max(len(window.data) for window in signature.windows) <= CONTEXT + PATIENCE + BLOCK


def test_the_scanner_is_light() -> None:
    """Scanner and signature load neither the SSH client, nor the ledger's library, nor pydantic, nor asyncio."""
    code = (
        "import sys, retrust.logs.scanner, retrust_plugins.cisco_prime.signatures;"
        "print([m for m in ('asyncssh', 'sqlalchemy', 'pydantic', 'asyncio', 'cryptography', 'prefect')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
