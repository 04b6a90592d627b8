from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust.errors import UsageError
from retrust.ledger import Ledger
from retrust.ledger.sightings import aggregated
from retrust.models import Endpoint, Grade, Sighting
from retrust.testing.ledgers import NOON, SITE, baseline, fingerprint, sighting


async def test_a_storm_is_a_handful_of_entries(ledger: Ledger) -> None:
    """100,000 sightings on two edges: exact counts, first and last, in two entries."""
    before = (await ledger.head()).seq
    storm = [sighting(n, dn=f"CN=pi-{n % 2}") for n in range(50_000)]
    await ledger.sight_many(storm)
    await ledger.sight_many(storm)
    seen = await ledger.sightings(SITE)
    assert [(s.dn, s.count) for s in seen] == [("CN=pi-0", 50_000), ("CN=pi-1", 50_000)]
    assert seen[0].first_at == NOON
    assert seen[1].at == NOON + timedelta(seconds=49_999)
    joined = 1 if before == 0 else 0
    assert (await ledger.head()).seq == before + joined + 2


async def test_an_unknown_time_is_kept_as_one(ledger: Ledger) -> None:
    """It counts and has no time; where others that say the same have one, theirs is the row's."""
    await ledger.sight_many([sighting(dn="CN=a", at=None), sighting(dn="CN=b", at=None), sighting(3, dn="CN=b")])
    for _ in range(2):
        await ledger.sight(sighting(dn="CN=a", at=None))
        await ledger.sight(sighting(dn="CN=b", at=None))
    seen = {s.dn: (s.count, s.first_at, s.at) for s in await ledger.sightings(SITE)}
    assert seen == {"CN=a": (3, None, None), "CN=b": (4, NOON + timedelta(seconds=3), NOON + timedelta(seconds=3))}
    await ledger.sight(sighting(9, dn="CN=a"))
    assert {s.at for s in await ledger.sightings(SITE) if s.dn == "CN=a"} == {NOON + timedelta(seconds=9)}
    assert [e.line for e in await ledger.entries(kinds=["sighted"])][:2] == [
        "3 sightings, 1 at an unknown time",
        "1 sighting at an unknown time",
    ]


async def test_batches_of_many_at_once_lose_none(ledger: Ledger) -> None:
    """Counts are exact however many sources write at the same time."""
    await asyncio.gather(*(ledger.sight_many(sighting(n, count=3) for n in range(10)) for _ in range(10)))
    assert [s.count for s in await ledger.sightings(SITE)] == [300]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99), st.integers(1, 9)), max_size=40))
def test_aggregation_neither_loses_nor_invents(seen: list[tuple[int, int, int]]) -> None:
    """Over any batch: one row for what is the same, the sum of counts, the earliest and the latest time."""
    batch = [sighting(at, dn=f"CN={edge}", count=count) for edge, at, count in seen]
    rows = {row.dn: row for row in aggregated(batch)}
    assert len(rows) == len({s.dn for s in batch})
    assert sum(row.count for row in rows.values()) == sum(s.count for s in batch)
    for dn, row in rows.items():
        times = sorted(s.at for s in batch if s.dn == dn)
        kept = row.model_dump(mode="json")
        assert (kept["first_at"], kept["last_at"]) == tuple(
            t.isoformat(timespec="microseconds").replace("+00:00", "Z") for t in (times[0], times[-1])
        )


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "probe"},
        {"role": "ise"},
        {"dn": "CN=other"},
        {"fingerprint": fingerprint("x")},
        {"holder": "primary"},
        {"key": "a_1"},
        {"endpoint": Endpoint(host="10.0.0.1", port=1)},
    ],
)
async def test_what_says_something_else_is_counted_apart(ledger: Ledger, change: dict[str, object]) -> None:
    """Kind, role, DN, fingerprint and edge each make another sighting."""
    await ledger.sight_many([sighting(), sighting(**change), sighting()])
    assert sorted(s.count for s in await ledger.sightings(SITE)) == [1, 2]


async def test_a_sighting_comes_back_as_it_was(ledger: Ledger) -> None:
    """All that it said is read again; an overlong text is cut."""
    full = sighting(
        holder="primary",
        key="a_1",
        endpoint=Endpoint(host="::1", port=8082),
        text="x" * 5000,
        fingerprint=fingerprint("new"),
    )
    await ledger.sight(full)
    [seen] = await ledger.sightings(SITE)
    same = set(Sighting.model_fields) - {"id", "text"}
    assert seen.model_dump(include=same) == full.model_dump(include=same)
    assert len(seen.text) == 2001


@pytest.mark.parametrize("text", ["a\x00b", "a\udc80b", "äöü ☃ 𝕏", "\x1b[31m", "'; DROP TABLE entries; --"])
async def test_any_text_can_be_kept(ledger: Ledger, text: str) -> None:
    """A damaged log line is a sighting too."""
    await ledger.sight(sighting(dn=text, text=text))
    [seen] = await ledger.sightings(SITE)
    assert seen.text == text.replace("\x00", "\ufffd").replace("\udc80", "\ufffd")


async def test_sightings_without_a_site(ledger: Ledger) -> None:
    """They are every site's to look at until one takes them; their count joins what the site had."""
    await ledger.sight_many([sighting(site=None), sighting(site=None), sighting(), sighting(site="elsewhere")])
    assert sorted((s.site or "-", s.count) for s in await ledger.sightings(SITE)) == [("-", 2), (SITE, 1)]
    loose = next(s for s in await ledger.sightings() if s.site is None)
    await ledger.assign_sightings([loose.id], site=SITE, actor="service")
    assert [(s.site, s.count) for s in await ledger.sightings(SITE)] == [(SITE, 3)]
    with pytest.raises(UsageError, match="without a site"):
        await ledger.assign_sightings([loose.id], site=SITE, actor="service")


async def test_many_are_assigned_in_few_entries(ledger: Ledger) -> None:
    """One entry for each 500 names, and an open case gets all of them."""
    case = await ledger.open_case(SITE, cause="x", actor="service")
    await ledger.sight_many(sighting(n, site=None, dn=f"CN={n}") for n in range(600))
    await ledger.assign_sightings([s.id for s in await ledger.loose()], site=SITE, actor="service")
    assert (len(await ledger.sightings_of(case.id)), await ledger.loose()) == (600, [])
    assert len(await ledger.entries(kinds=["sighting-assigned"])) == 2


async def test_since(ledger: Ledger) -> None:
    """Only what was last seen at or after a time."""
    await ledger.sight_many([sighting(1, dn="CN=early"), sighting(60, dn="CN=late")])
    assert [s.dn for s in await ledger.sightings(SITE, since=NOON + timedelta(seconds=60))] == ["CN=late"]


async def test_baselines(ledger: Ledger) -> None:
    """By edge, the last one verified."""
    await ledger.set_baselines([baseline("old"), baseline("other", key="b_1")], actor="service")
    await ledger.set_baselines([baseline("new", at=NOON + timedelta(days=1))], actor="service")
    assert await ledger.baselines(SITE) == {
        "primary:10.0.0.12_8082": baseline("new", at=NOON + timedelta(days=1)),
        "primary:b_1": baseline("other", key="b_1"),
    }
    assert await ledger.baselines("elsewhere") == {}


async def test_accepted_identities(ledger: Ledger) -> None:
    """The last word of a person counts, by node and kind, with who said it and why."""
    for fingerprint_ in ("SHA256:one", "SHA256:two"):
        await ledger.accept_identity(
            site=SITE,
            node="primary",
            kind="host key",
            fingerprint=fingerprint_,
            actor="person:alice",
            reason="deployed again",
        )
    [accepted] = await ledger.accepted_identities(SITE)
    assert (accepted.fingerprint, accepted.actor, accepted.at) == ("SHA256:two", "person:alice", NOON)


async def test_two_people_who_say_the_same_are_both_remembered(ledger: Ledger) -> None:
    """Whoever brought a sighting in stays named: they may not decide the plan that rests on it."""
    one = sighting(kind="person", fingerprint=fingerprint("new"), actor="person:ann")
    await ledger.sight_many([one, one.model_copy(update={"actor": "person:ben"})])
    assert {s.actor for s in await ledger.sightings(SITE)} == {"person:ann", "person:ben"}


# -- hints ------------------------------------------------------------------------------------------------


def hint(n: int = 0, **more: object) -> Sighting:
    return sighting(n, **{"level": "hint", "source": "syslog 10.0.0.9", **more})


async def test_a_hint_is_counted_apart(ledger: Ledger) -> None:
    """The same line from somebody known and from anybody are two sightings, each with its level."""
    await ledger.sight_many([sighting(), hint(), hint()])
    assert sorted((s.level, s.count) for s in await ledger.sightings(SITE)) == [("authenticated", 1), ("hint", 2)]


HINTS = 40


@pytest.fixture
def few_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bound, sooner met."""
    monkeypatch.setattr("retrust.ledger.sightings.HINTS", HINTS)


@pytest.mark.usefixtures("few_hints")
@pytest.mark.parametrize("site", [SITE, None])
async def test_a_flood_of_hints_leaves_little_and_counts_all(ledger: Ledger, site: str | None) -> None:
    """Beyond the limit different hints are one row without a name; what was kept goes on counting."""
    names = [hint(n, dn=f"CN=host-{n}", site=site) for n in range(3 * HINTS)]
    for _ in range(2):
        await ledger.sight_many(names)
    await ledger.sight(sighting(dn="CN=known", site=site))
    seen = await ledger.sightings(SITE)
    assert len(seen) == HINTS + 2
    assert sum(s.count for s in seen) == 6 * HINTS + 1
    [rest] = [s for s in seen if s.is_hint and s.dn is None]
    assert (rest.count, rest.at) == (4 * HINTS, None)


@pytest.mark.usefixtures("few_hints")
async def test_assigning_hints_keeps_their_bound(ledger: Ledger) -> None:
    """Those without a site that become a site's are no more than a site keeps."""
    await ledger.sight_many([hint(n, dn=f"CN=a-{n}") for n in range(HINTS - 1)])
    await ledger.sight_many([hint(n, dn=f"CN=b-{n}", site=None) for n in range(5)])
    await ledger.assign_sightings([s.id for s in await ledger.loose()], site=SITE, actor="service")
    seen = await ledger.sightings(SITE)
    assert (len(seen), sum(s.count for s in seen)) == (HINTS + 1, HINTS + 4)


# -- dismissing -------------------------------------------------------------------------------------------


async def test_a_dismissed_sighting_counts_no_more(ledger: Ledger) -> None:
    """It is recorded with who said so and why; said again, it is in force again."""
    await ledger.sight_many([sighting(dn="CN=a"), sighting(dn="CN=b")])
    [wrong] = [s for s in await ledger.sightings(SITE) if s.dn == "CN=a"]
    assert await ledger.dismiss(wrong.id[:8], actor="person:ann", reason="a test line") is None
    assert [s.dn for s in await ledger.sightings(SITE)] == ["CN=b"]
    [said] = await ledger.entries(kinds=["sighting-dismissed"])
    assert (said.actor, said.line) == ("person:ann", "dismissed 1× CN=a of hm-0-0.log: a test line")
    await ledger.sight(sighting(dn="CN=a"))
    assert sorted(s.dn or "" for s in await ledger.sightings(SITE)) == ["CN=a", "CN=b"]


async def test_dismissing_ends_what_it_caused(ledger: Ledger) -> None:
    """The case that rests on dismissed sightings alone is cancelled; its sightings stay with it."""
    await ledger.sight_many([sighting(dn="CN=a"), sighting(dn="CN=b")])
    case = await ledger.open_case(SITE, cause="x", actor="service")
    first, second = await ledger.sightings(SITE)
    assert await ledger.dismiss(first.id, actor="person:ann", reason="wrong") is None
    ended = await ledger.dismiss(second.id, actor="person:ann", reason="wrong too")
    assert ended is not None
    assert (ended.id, ended.state, ended.note) == (case.id, "cancelled", "dismissed: wrong too")
    assert [s.dismissed for s in await ledger.sightings_of(case.id)] == ["wrong", "wrong too"]


async def test_only_a_sighting_that_is_there_is_dismissed(ledger: Ledger) -> None:
    """None of that id, or several, is a mistake that says so."""
    await ledger.sight_many([sighting(dn=f"CN={n}") for n in range(40)])
    for said, why in (("ffffffff0000", "no sighting"), ("", "several")):
        with pytest.raises(UsageError, match=why):
            await ledger.dismiss(said, actor="person:ann", reason="x")


async def test_a_baseline_keeps_its_grade(ledger: Ledger) -> None:
    """How well the certificate was known when it was recorded."""
    known = baseline().model_copy(update={"grade": Grade.SUPPORTED})
    await ledger.set_baselines([known], actor="service")
    assert list((await ledger.baselines(SITE)).values()) == [known]
