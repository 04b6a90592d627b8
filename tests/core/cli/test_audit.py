"""`audit`: what an auditor types, with a real ledger and a real pack."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kit.terminal import typed
from retrust.ledger import Ledger

OTHER = "ab" * 32


@pytest.fixture
def case(here: Path) -> str:
    """A ledger with one case in it."""

    async def opened() -> str:
        async with await Ledger.open(None, here / "home") as ledger:
            return (await ledger.open_case("lab1", cause="a log line", actor="service")).id

    return asyncio.run(opened())


def test_a_whole_chain_verifies_by_its_own_key(here: Path, case: str) -> None:
    """`audit key` prints a key on stdout that `audit verify` takes, as a file and as an id; another key fails."""
    shown = typed("audit", "key")
    (here / "key.pem").write_text(shown.stdout)
    id_ = shown.stderr.split()[-1]
    for key in ("key.pem", id_):
        done = typed("audit", "verify", "--public-key", key)
        assert done.exit_code == 0, done.output
    assert typed("audit", "verify", "--public-key", f"SHA256:{'A' * 43}").exit_code == 1


def test_a_pack_verifies_here_and_needs_a_key_elsewhere(here: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another home nothing vouches for it: exit code 3 until the key of its ledger is given."""
    assert typed("audit", "export", case, "--to", "pack.zip").exit_code == 0
    (here / "key.pem").write_text(typed("audit", "key").stdout)
    ours = typed("audit", "verify", "pack.zip")
    assert (ours.exit_code, "only the ledger in this home vouches for it" in ours.stdout) == (0, True), ours.output
    monkeypatch.setenv("RETRUST_HOME", str(here / "elsewhere"))
    theirs = typed("audit", "verify", "pack.zip")
    assert (theirs.exit_code, "--public-key" in theirs.stderr) == (3, True), theirs.output
    assert typed("audit", "verify", "pack.zip", "--public-key", "key.pem").exit_code == 0


def test_another_home_s_key_joins_once(here: Path, case: str) -> None:
    """A second `audit join` says that nothing was left to do."""
    assert "may sign this chain from now on" in typed("audit", "join", OTHER).stderr
    assert "was a key of this chain already" in typed("audit", "join", OTHER).stderr
    assert OTHER not in typed("audit", "key").stderr
    assert typed("audit", "key").stderr.count("joined later") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("verify", "there is no ledger here"),
        ("key", "the ledger has no key yet"),
        ("verify --public-key nowhere.pem", "cannot be read"),
        ("verify --public-key retrust.yaml", "this is no Ed25519 public key in PEM"),
        ("verify pack.zip --checkpoint notes", "signed notes are of a ledger, and this is a pack"),
        ("export lab1-1 --to nowhere/x.zip", "there is no such folder"),
    ],
)
def test_wrong_usage(here: Path, words: str, said: str) -> None:
    """Each mistake is told in one sentence and ends with 2."""
    done = typed("audit", *words.split())
    assert (done.exit_code, said in done.stderr) == (2, True), done.output


def test_a_file_without_a_signed_note(here: Path, case: str) -> None:
    """It cannot be held against the chain, and that is said instead of passed over."""
    done = typed("audit", "verify", "--checkpoint", "retrust.yaml")
    assert (done.exit_code, "holds no signed note of a ledger" in done.stderr) == (2, True), done.output
