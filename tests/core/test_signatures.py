"""A plugin's log signature, as the scanner asks it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from retrust.logs.scanner import BLOCK, Scanner
from retrust.signatures import CUT, LogSignature, Match, Reading, Window
from retrust.sources import sighting_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Refusals(LogSignature):
    """``REFUSED <name>;``: one that has no end yet is asked for again, and is cut where nothing follows."""

    name, anchor = "refusals", b"REFUSED "

    def __init__(self) -> None:
        self.asked: list[Window] = []

    def read(self, window: Window) -> Reading:
        self.asked.append(window)
        matches = []
        for found in re.finditer(rb"REFUSED ([^;]*)(;?)", window.data):
            if found.start() < window.fresh:
                continue
            if not found[2] and not window.final:
                return Reading(matches, found.start())
            dn = found[1].decode() + ("" if found[2] else CUT)
            matches.append(Match(self.name, dn, None, None, found[0].decode(), window.offset + found.start()))
        return Reading(matches, len(window.data))


def test_a_signature_is_asked_only_where_its_anchor_stands() -> None:
    """A log without it costs a search, and no call of the plugin's."""
    signature = Refusals()
    scanner = Scanner([signature])
    assert scanner.feed(b"all is well\n" * 2 * (BLOCK // 10)) == []
    assert scanner.flush() == []
    assert signature.asked == []


def test_what_is_not_settled_is_shown_again() -> None:
    """An event that a block's end cuts is one event, with its place in the stream."""
    signature = Refusals()
    scanner = Scanner([signature])
    assert scanner.feed(b"x\nREFUSED CN=al") == []
    assert scanner.pending
    found = [*scanner.feed(b"pha;\n"), *scanner.flush()]
    assert [(m.dn, m.offset) for m in found] == [("CN=alpha", 2)]
    assert not scanner.pending


def test_a_name_that_nothing_follows_is_a_cut_one() -> None:
    """Such a sighting fits whatever begins so, and makes no pin stale by itself."""
    scanner = Scanner([Refusals()])
    scanner.feed(b"REFUSED CN=al")
    (match,) = scanner.flush()
    assert match.dn == "CN=al" + CUT
    assert sighting_of(match, source="x", by="service", received=NOW).has_cut_name
