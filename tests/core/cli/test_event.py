"""`event`: what was seen elsewhere, handed in by hand, becomes a sighting in the ledger."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from kit.terminal import Terminal, typed
from retrust.actors import UNKNOWN
from retrust.ledger import Ledger
from retrust.ledger.records import Sighted

PRINT, IN_HEX = "SHA256:" + "A" * 43, "SHA256:" + "0" * 64
LOG = (
    "[system] [HealthMonitorThread] TOFU failed. Check local trust Trust-on-first-use is configure for this "
    "connection. Current certificate of the remote host is different from what was used earlier - "
    "CN=web1, OU=Site, O=Example, C=US\n"
)


def kept(home: Path) -> list[Sighted]:
    async def read() -> list[Sighted]:
        async with await Ledger.open(None, home) as ledger:
            return await ledger.sightings()

    return asyncio.run(read())


def test_a_log_s_failures_become_sightings(here: Path) -> None:
    """The names are said, and each is kept with the file that it came from; JSON counts the same."""
    (here / "prime.log").write_text(LOG * 2)
    done = typed("event", "log", "prime.log", "--json")
    assert (done.exit_code, json.loads(done.stdout)["sightings"]) == (0, 2), done.output
    (seen,) = kept(here / "home")
    assert (seen.source, seen.count, "web1" in (seen.dn or "")) == ("prime.log", 2, True)


def test_a_quiet_log_leaves_nothing(here: Path) -> None:
    """It is said that nothing was found, which is no failure."""
    (here / "quiet.log").write_text("all is well\n")
    done = typed("event", "log", "quiet.log")
    assert (done.exit_code, "no certificate change found in this log" in done.stderr) == (0, True)
    assert kept(here / "home") == []


def test_a_renewal_announces_a_fingerprint(here: Path) -> None:
    """What was announced is on stdout as one object, and in the ledger, in the one form that all fingerprints have."""
    done = typed("event", "renewed", "lab1", "web1", "--fingerprint", PRINT, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"site": "lab1", "node": "web1", "fingerprint": IN_HEX, "level": "authenticated"}
    (seen,) = kept(here / "home")
    assert (seen.kind, seen.fingerprint, seen.endpoint and seen.endpoint.host) == ("renewed", IN_HEX, "127.0.0.1")


async def test_who_is_not_known_hands_in_a_hint(terminal: Terminal) -> None:
    """An event without a token or a key is nobody's word; with a key it is its person's."""
    words = ("event", "renewed", "campus", "secondary", "--fingerprint", "SHA256:" + "a" * 64)
    assert (await terminal.type(*words))[0] == 0
    assert (await terminal.type(*words, key="ben"))[0] == 0
    seen = {(s.actor, s.level) for s in await terminal.ledger.sightings()}
    assert seen == {(UNKNOWN, "hint"), ("person:ben", "authenticated")}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("log prime.log --holder here", "--holder needs --site"),
        ("log prime.log --site lab1 --holder there", "the site lab1 has no holder 'there'"),
        ("log nowhere.log", "nowhere.log: cannot be read"),
        ("renewed lab1 web1", "give the certificate or its fingerprint"),
        (f"renewed lab1 web2 --fingerprint {PRINT}", "the site lab1 has no node 'web2'"),
        (f"renewed lab1 web1 --fingerprint {PRINT} --password hunter2", "never the password itself"),
        ("renewed lab1 web1 --certificate nowhere.pem", "nowhere.pem: cannot be read"),
        ("attested lab1 web1", "give the fingerprint once"),
        ("attested lab1 web1 SHA256:short", "SHA256"),
    ],
)
def test_wrong_usage_keeps_nothing(here: Path, words: str, said: str) -> None:
    """Each mistake is told in one sentence and ends with 2."""
    (here / "prime.log").write_text(LOG)
    done = typed("event", *words.split())
    assert (done.exit_code, said in done.stderr) == (2, True), done.output
    assert kept(here / "home") == []
