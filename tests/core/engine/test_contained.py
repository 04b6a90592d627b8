"""A log signature of a plugin stops no scan, whatever it raises or returns."""

from __future__ import annotations

import io
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.hookspecs import hookimpl
from retrust.inventory import Inventory
from retrust.logs.scanner import BLOCK, scan_stream
from retrust.secrets.redaction import Redactor
from retrust.signatures import LogSignature, Match, Reading, Window

GOOD = Match("site-log", "CN=web", None, None, "FAILED", 0)


class Told(LogSignature):
    """Returns what it is given, or raises it."""

    name, anchor = "site-log", b"FAILED"

    def __init__(self, answer: Any, *, name: str = "site-log") -> None:
        self.answer, self.name = answer, name

    def read(self, window: Window) -> Reading:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def matches(*signatures: LogSignature) -> list[Match]:
    """What a scan of two far pieces finds with the engine's own signatures and these."""

    class Plugin:
        @hookimpl
        def retrust_log_signatures(self) -> list[LogSignature]:
            return list(signatures)

    plugins = load_plugins(extra={"theirs": Plugin()}, entry_points=False)
    engine = Engine(plugins, Inventory({}), Path(), Redactor())
    log = b"a FAILED b\n" + b"." * 3 * BLOCK + b"c FAILED d\n"
    return list(scan_stream(io.BytesIO(log), engine.log_signatures))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (KeyError("dn"), "KeyError: 'dn', at "),
        (ValueError("\x1b[31mred\nand more"), "ValueError: '\\x1b[31mred', at "),
        (None, "TypeError: read() returned NoneType, not Reading"),
        ([GOOD], "TypeError: read() returned list, not Reading"),
        (Reading(None, 0), "TypeError: 'NoneType' object is not iterable"),
        (Reading(["CN=web"], 0), "TypeError: read() found 'CN=web', expected a Match"),
        (Reading([GOOD._replace(dn=b"CN=web")], 0), "expected a Match whose dn and role are str or None"),
        (Reading([GOOD._replace(at=datetime(2026, 1, 1))], 0), "expected a datetime with a zone, or None"),
        (Reading([GOOD], None), "TypeError: read() settled None, expected a number"),
    ],
)
def test_a_faulty_signature_is_passed_over(answer: Any, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """It finds nothing, the others find all, and plugin, signature and error are said once for all that it misses."""
    other = Told(Reading([GOOD], BLOCK), name="other")
    with caplog.at_level(logging.WARNING):
        found = matches(Told(answer), other)
    assert found == [GOOD, GOOD]
    [message] = [record.getMessage() for record in caplog.records]
    assert message.startswith("plugin theirs: the log signature site-log failed with ")
    assert said in message
    assert message.endswith("; this piece of the log is read without it")


def test_it_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """One event that it cannot read does not blind it for the next."""

    class Once(Told):
        def read(self, window: Window) -> Reading:
            if b"a FAILED" in window.data:
                raise self.answer
            return Reading([GOOD], len(window.data))

    assert matches(Once(KeyError("dn"))) == [GOOD]
    assert len(caplog.records) == 1
