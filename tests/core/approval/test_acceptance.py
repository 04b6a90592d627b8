"""A node's changed host key or web certificate: kept as a finding, and a person's to accept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retrust.actors import UNKNOWN
from retrust.approval.acceptance import accept, accepted, record_change
from retrust.approval.decisions import MayNotDecide
from retrust.errors import ChangedIdentity, UsageError
from retrust.ledger import AcceptedIdentity

WAS, NOW = "SHA256:" + "A" * 43, "SHA256:" + "B" * 43
PEOPLE = {"ann": ["security"], "ben": ["security"], "cy": ["network"]}
TWO = {"security": [{"gate": "people", "approvers": 2}]}


@dataclass
class Found:
    """A site of which a run has found that the node ``spoke`` presents another host key."""

    scene: Any
    error: ChangedIdentity

    @property
    def ledger(self) -> Any:
        return self.scene.ledger

    async def again(self, *, by: str = "person:ann", presented: str = NOW) -> ChangedIdentity:
        case = await self.ledger.open_case_of("campus")
        error = ChangedIdentity("host key", node="spoke", expected=(WAS,), presented=presented)
        await record_change(self.ledger, case, error, actor=by, run="2")
        return error

    async def accepted(self, actor: str, *, node: str = "spoke", fingerprint: str = NOW, reason: str = "new") -> int:
        """How many more persons must say so."""
        return await accept(
            self.scene.engine,
            self.ledger,
            self.scene.site,
            node=node,
            kind="host key",
            fingerprint=fingerprint,
            actor=actor,
            reason=reason,
        )

    async def kept(self) -> list[tuple[str, str]]:
        return [(i.fingerprint, i.actor) for i in await self.ledger.accepted_identities("campus")]


@pytest.fixture
def found(scene: Any) -> Callable[..., Awaitable[Found]]:
    """Makes the scene, with these keys of its site; ``by`` started the run that found it."""

    async def made(*, by: str = "person:ann", people: Any = PEOPLE, **site: Any) -> Found:
        its = await scene(people, **site)
        await its.ledger.open_case("campus", cause="a look", actor=by, run="1")
        first = Found(its, None)
        first.error = await first.again(by=by)
        return first

    return made


async def test_it_is_kept_once(found: Any) -> None:
    """However often the same fingerprint is met, it is one finding and one alarm."""
    site = await found()
    await site.again()
    assert len(await site.ledger.entries(kinds=("identity-changed",))) == 1
    assert [alarm.what for alarm in await site.ledger.alarms()] == ["changed identity"]


async def test_what_comes_back_is_found_anew(found: Any) -> None:
    """After another fingerprint, the first one is a change again, with an alarm, and is what can be accepted."""
    site = await found()
    await site.again(presented=WAS)
    with pytest.raises(UsageError, match=f"spoke presented {WAS}"):
        await site.accepted("person:ben")
    await site.again()
    assert len(await site.ledger.alarms()) == 3
    assert await site.accepted("person:ben") == 0


async def test_the_error_says_how_it_is_accepted(found: Any) -> None:
    """Each time, also where the finding is known: whoever reads it can copy the command."""
    site = await found()
    command = f"retrust accept campus spoke --kind 'host key' --fingerprint {NOW} --reason"
    assert command in str(site.error)
    assert command in str(await site.again())


async def test_only_what_a_run_has_found_is_accepted(scene: Any, found: Any) -> None:
    """No case, or another node than the one that was found: nothing to say yes to."""
    site = await found()
    with pytest.raises(UsageError, match="no open case of campus has found a changed host key of 'hub'"):
        await site.accepted("person:ben", node="hub")
    await site.ledger.move((await site.ledger.open_case_of("campus")).id, "cancel", why="a test", actor="person:ben")
    with pytest.raises(UsageError, match="run it first: retrust run campus"):
        await site.accepted("person:ben")
    assert await site.kept() == []


@pytest.mark.parametrize("typed", [WAS, NOW[:20], "", NOW.removeprefix("SHA256:")])
async def test_only_the_whole_fingerprint_is_accepted(found: Any, typed: str) -> None:
    """So that nobody says yes to what they did not compare."""
    site = await found()
    with pytest.raises(UsageError, match=f"spoke presented {NOW}, not"):
        await site.accepted("person:ben", fingerprint=typed)
    assert await site.kept() == []


async def test_a_fingerprint_may_have_its_padding(found: Any) -> None:
    """Some tools print the last ``=``; what is kept is what was found."""
    site = await found()
    assert await site.accepted("person:ben", fingerprint=f" {NOW}= ") == 0
    assert await site.kept() == [(NOW, "person:ben")]


@pytest.mark.parametrize(
    ("actor", "reason", "why"),
    [
        ("person:ann", "new", "started the run that found it"),
        ("person:Ann", "new", "is not among the people"),
        ("person:cy", "new", "asks for the role security"),
        ("person:mallory", "new", "is not among the people"),
        (UNKNOWN, "new", "is not among the people"),
        ("person:ben", " ", "a decision needs a reason"),
    ],
)
async def test_who_may_not(found: Any, actor: str, reason: str, why: str) -> None:
    """Where people are named: one of them, with the role that security asks for, and not who started the run."""
    site = await found()
    with pytest.raises(MayNotDecide, match=why):
        await site.accepted(actor, reason=reason)
    assert await site.kept() == []
    assert await site.accepted("person:ben") == 0


async def test_who_opened_the_case_may_not_either(found: Any) -> None:
    """Whoever started a later run that met the key again is not the only one with a part in it."""
    site = await found()
    await site.again(by="person:ben", presented=WAS)
    with pytest.raises(MayNotDecide, match="started the run that found it"):
        await site.accepted("person:ann", fingerprint=WAS)
    with pytest.raises(MayNotDecide, match="started the run that found it"):
        await site.accepted("person:ben", fingerprint=WAS)


async def test_as_many_as_security_asks(found: Any) -> None:
    """Where security asks for two, the first is kept and opens nothing; one person counts once."""
    site = await found(by="service", policy=TWO)
    said = [await site.accepted(who) for who in ("person:ben", "person:ben", "person:cy")]
    assert said == [1, 1, 0]
    assert await site.kept() == [(NOW, "person:cy")]


async def test_a_yes_counts_for_the_fingerprint_that_was_found_last(found: Any) -> None:
    """Found again with another, what was said of the one before opens nothing."""
    site = await found(by="service", policy=TWO)
    assert await site.accepted("person:ben") == 1
    await site.again(by="service", presented=WAS)
    assert await site.accepted("person:cy", fingerprint=WAS) == 1
    assert await site.kept() == []


async def test_two_where_nobody_is_known_to_have_found_it(found: Any) -> None:
    """Whoever started the run and showed no identity may be who accepts it: two persons must."""
    site = await found(by=UNKNOWN)
    said = [await site.accepted(who) for who in ("person:ben", "person:ben", "person:ann")]
    assert said == [1, 1, 0]


async def test_where_no_people_are_named_whoever_is_at_the_terminal_may(found: Any) -> None:
    """With a reason, and by the whole fingerprint, as everywhere."""
    site = await found(people={})
    with pytest.raises(MayNotDecide, match="a decision needs a reason"):
        await site.accepted("person:ann", reason="")
    assert await site.accepted("person:ann") == 0


def test_the_last_word_counts() -> None:
    """Of one node's several accepted keys a connection uses the one that was accepted last; each kind for itself."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def one(kind: Any, fingerprint: str, at: datetime) -> AcceptedIdentity:
        return AcceptedIdentity(
            site="campus",
            node="spoke",
            kind=kind,
            fingerprint=fingerprint,
            actor="person:ben",
            reason="",
            at=at,
        )

    later = noon + timedelta(hours=1)
    said = [one("host key", "3", later), one("host key", "1", noon), one("web certificate", "2", noon)]
    assert accepted(said) == {("spoke", "host key"): ("3",), ("spoke", "web certificate"): ("2",)}
