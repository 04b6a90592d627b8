"""What the plugin guide shows works as it stands."""

from __future__ import annotations

import importlib
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from retrust.evidence import Edge, collect
from retrust.logs import CONTEXT, Scanner, scan_stream
from retrust.models import Endpoint, Grade, Pin
from retrust.target import Place
from retrust.testing.certificates import self_signed
from retrust.testing.registering import registered
from retrust.x509 import read_presented

GUIDE = Path(__file__).parents[2] / "docs/plugins.md"
LINE = b"2026-03-04T12:00:00Z proxy: not the pinned certificate, subject=CN=db,O=Site\n"


@pytest.fixture
def my_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The package that the guide's blocks of Python make together."""
    blocks = re.findall(r"^```python\n# (\S+)\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    for name, code in blocks:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("my_site")
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_site"]:
        del sys.modules[name]


def test_each_block_of_python_is_tested_here(my_site: Any) -> None:
    """The guide has no other Python, and Retrust accepts what it has."""
    assert GUIDE.read_text().count("```python\n") == len(list(Path(my_site.__file__).parent.glob("*.py"))) == 3
    assert registered(my_site) == {"collectors": ["register"], "log_signatures": ["proxy-refused"]}


async def test_the_collector(my_site: Any, tmp_path: Path) -> None:
    """It supports a certificate of its file for that host alone, and is not available without its file."""
    register = importlib.import_module("my_site.register").Register()
    register.file = tmp_path / "issued.txt"
    seen = read_presented([self_signed("db").der])
    pin = Pin(holder="here", key="db:5432", subject="", line="db:5432")
    edge = Edge(pin, Place("endpoint", Endpoint(host="db", port=5432)), seen, None, (), None)

    async def grade() -> Grade:
        evidence = await collect(edge, [register], None)
        return evidence.grade

    assert await grade() is Grade.NONE
    register.file.write_text(f"web {seen.fingerprint}\n")
    assert await grade() is Grade.NONE
    register.file.write_text(f"web {seen.fingerprint}\ndb {seen.fingerprint}\n")
    assert await grade() is Grade.SUPPORTED


def test_the_signature(my_site: Any) -> None:
    """However the stream is cut, each line is found once, with its name, its time and its place."""
    signature = importlib.import_module("my_site.proxy_log").ProxyRefused()
    log = b"quiet\n" + LINE + b"." * CONTEXT * 9 + b"\n" + LINE * 2
    whole = list(scan_stream(io.BytesIO(log), [signature]))
    assert [log[m.offset : m.offset + len(LINE)] for m in whole] == [LINE] * 3
    assert {(m.dn, m.at) for m in whole} == {("CN=db,O=Site", datetime(2026, 3, 4, 12, tzinfo=UTC))}
    for size in (1, 7, 1000):
        scanner = Scanner([signature])
        pieces = [scanner.feed(log[at : at + size]) for at in range(0, len(log), size)]
        assert [m for piece in [*pieces, scanner.flush()] for m in piece] == whole


def test_the_signature_of_a_line_that_ends_nowhere(my_site: Any) -> None:
    """A name that may go on is marked so."""
    signature = importlib.import_module("my_site.proxy_log").ProxyRefused()
    [found] = scan_stream(io.BytesIO(LINE.rstrip()), [signature])
    assert found.dn == "CN=db,O=Site…"
