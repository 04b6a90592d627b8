"""Renewal events and people's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from retrust.models import Grade, Sighting
from retrust_plugins.evidence.told import Announced, Attested

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def said_by():
    """A sighting, each a minute after the one before."""
    minutes = iter(range(100))

    def make(kind, fingerprint, actor="person:alice"):
        minute = next(minutes)
        at = START + timedelta(minutes=minute)
        return Sighting(
            id=f"s{minute}",
            kind=kind,
            fingerprint=fingerprint,
            at=at,
            received_at=at,
            source="acme-hook",
            actor=actor,
            level="authenticated",
        )

    return make


@pytest.fixture
def ask(edge, presented, certificate):
    """Asks a collector about an edge with sightings; ``OURS`` stands for the presented fingerprint."""
    ours = certificate("prime-sec")

    async def asking(collector, *sightings):
        named = tuple(
            s.model_copy(update={"fingerprint": ours.fingerprint}) if s.fingerprint == "OURS" else s for s in sightings
        )
        return await collector.collect(edge(presented(ours), sightings=named), None)

    asking.ours = ours.fingerprint  # type: ignore[attr-defined]
    return asking


OTHER = "SHA256:" + "0" * 64


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], Grade.NONE),
        ([None], Grade.NONE),
        (["OURS"], Grade.SUPPORTED),
        ([OTHER], Grade.NONE),
        ([OTHER, "OURS"], Grade.SUPPORTED),
        (["OURS", OTHER], Grade.NONE),
        (["OURS", None], Grade.SUPPORTED),
    ],
)
async def test_announced(ask, said_by, events, expected):
    """The latest event that names a fingerprint supports the one it names, and contradicts none."""
    said = await ask(Announced(), *(said_by("renewed", fingerprint) for fingerprint in events))
    assert said.grade is expected


@pytest.mark.parametrize("kind", ["log", "probe", "person"])
async def test_only_renewals_announce(ask, said_by, kind):
    """A fingerprint in another kind of sighting announces nothing."""
    said = await ask(Announced(), said_by(kind, "OURS"))
    assert said.grade is Grade.NONE


async def test_announced_names_both(ask, said_by):
    """An announcement of another certificate is quoted with the one that is presented."""
    said = await ask(Announced(), said_by("renewed", OTHER))
    assert OTHER in said.detail
    assert ask.ours in said.detail


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Grade.NONE),
        ([("alice", None)], Grade.NONE),
        ([("alice", "OURS")], Grade.SUPPORTED),
        ([("alice", OTHER)], Grade.CONTRADICTED),
        ([("alice", OTHER), ("alice", "OURS")], Grade.SUPPORTED),
        ([("alice", "OURS"), ("alice", OTHER)], Grade.CONTRADICTED),
        ([("alice", OTHER), ("bob", "OURS")], Grade.CONTRADICTED),
        ([("alice", OTHER), ("alice", None)], Grade.CONTRADICTED),
        ([("alice", "OURS"), ("bob", "OURS")], Grade.SUPPORTED),
    ],
)
async def test_attested(ask, said_by, words, expected):
    """The latest word of each person counts; one who read another fingerprint outweighs the rest."""
    said = await ask(Attested(), *(said_by("person", fingerprint, actor) for actor, fingerprint in words))
    assert said.grade is expected


async def test_attested_names_who(ask, said_by):
    """The sentence names who read the fingerprint, so that they are not asked to decide as well."""
    words = said_by("person", "OURS", "person:alice"), said_by("person", OTHER, "person:bob")
    said = await ask(Attested(), *words)
    assert "person:bob" in said.detail
    assert OTHER in said.detail
    assert ask.ours in said.detail


async def test_only_people_attest(ask, said_by):
    """A renewal event is no person's word."""
    said = await ask(Attested(), said_by("renewed", "OURS"))
    assert said.grade is Grade.NONE
