"""No command ends in a traceback, whatever its arguments and its files hold."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.cli.app import run

INVENTORY = """
sites:
  lab1:
    target: openssh
    holders: {here: {path: known_hosts}}
    peers: {web1: {host: 127.0.0.1, port: 1}}
"""
ODD_TEXTS = [
    "",
    "nobody",
    "-",
    "--",
    "c1",
    "C7",
    "7",
    "lab1",
    "web1",
    "\x1b[31m",
    "é\u2192",
    "a" * 3000,
    "../..",
    "x=y",
    "SHA256:zz",
    "0",
    "\ud800",
]
FILES = ["a folder", "missing", "empty", "binary", "one long line", "unreadable", "text"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "retrust.yaml").write_text(INVENTORY)
    (tmp_path / "known_hosts").touch()
    (tmp_path / "a folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("host=1_2; subject= /CN=x\n")
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "one long line").write_bytes(b"x" * 100_000)
    (tmp_path / "unreadable").mkdir(mode=0o000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RETRUST_DEBUG", raising=False)
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETRUST_INVENTORY", str(tmp_path / "retrust.yaml"))
    return tmp_path


@contextlib.contextmanager
def no_input() -> Iterator[None]:
    with Path(os.devnull).open() as nothing:
        before, sys.stdin = sys.stdin, nothing
        try:
            yield
        finally:
            sys.stdin = before


def ends(*arguments: str) -> int:
    """The exit code; any other exception than the end of the process fails the test."""
    with no_input():
        try:
            run(arguments)
        except SystemExit as end:
            return int(end.code or 0)
    return 0


VERBS = [
    "check",
    "plan",
    "impact",
    "event log",
    "event renewed",
    "event attested",
    "cases",
    "show",
    "approve",
    "reject",
    "cancel",
    "accept",
    "schema",
    "token create",
    "token list",
    "token revoke",
    "audit verify",
    "audit export",
    "audit key",
    "audit join",
    "plugins list",
    "nonsense",
    "",
]
OPTIONS = [
    "--json",
    "--reason",
    "--gate",
    "--site",
    "--certificate",
    "--fingerprint",
    "--kind",
    "--to",
    "--public-key",
    "--checkpoint",
    "--inventory",
    "--holder",
    "--renew",
    "--password",
    "--help",
    "--all",
]


@settings(max_examples=many(150))
@given(st.sampled_from(VERBS), st.lists(st.sampled_from([*OPTIONS, *ODD_TEXTS, *FILES]), max_size=5))
def test_odd_arguments(folder: Path, verb: str, more: list[str]) -> None:
    """Every verb with odd arguments and odd files ends with an exit code of ours, and no exception."""
    assert ends(*verb.split(), *more) in (0, 1, 2, 3, 4)


@settings(max_examples=60)
@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda t: t.encode("utf-8", "surrogatepass"))
    | st.integers(0, len(INVENTORY)).flatmap(
        lambda at: st.binary(max_size=4).map(lambda new: INVENTORY.encode()[:at] + new + INVENTORY.encode()[at + 1 :])
    )
)
def test_an_inventory_of_any_bytes(folder: Path, data: bytes) -> None:
    """It is read, or it is wrong usage with a reason."""
    (folder / "odd.yaml").write_bytes(data)
    assert ends("cases", "--inventory", str(folder / "odd.yaml")) in (0, 2)


HOMES = {"a file": "RETRUST_HOME is a file", "not to be made": "cannot be made", "no database": "is no ledger"}


@pytest.mark.parametrize("home", HOMES)
def test_a_home_that_cannot_serve_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, home: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One sentence with what to do."""
    place = folder / "odd home"
    if home == "a file":
        place.touch()
    elif home == "not to be made":
        (folder / "wall").touch()
        place = folder / "wall" / "home"
    else:
        place.mkdir(mode=0o700)
        (place / "ledger.db").write_bytes(b"no database at all" * 99)
        (place / "ledger.db").chmod(0o600)
    monkeypatch.setenv("RETRUST_HOME", str(place))
    assert ends("event", "attested", "lab1", "web1", "SHA256:" + "a" * 43) in (1, 2)
    assert HOMES[home] in capfd.readouterr().err


@pytest.mark.parametrize("encoding", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_a_terminal_without_unicode(folder: Path, encoding: dict[str, str]) -> None:
    """What it cannot show is written as escapes."""
    done = subprocess.run(
        [sys.executable, "-m", "retrust", "check", "lab1"],
        env=os.environ | encoding,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert b"Traceback" not in done.stderr + done.stdout
    assert done.returncode in (0, 1, 3)
    (folder / "é").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "retrust", "event", "log", "é"],
        env=os.environ | encoding,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
