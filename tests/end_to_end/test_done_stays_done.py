"""A pass that fails in the middle leaves what it did: no later pass deletes a pin that was made anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kit.campus import Campus, quick_lab
from retrust.errors import PersonNeeded, RetrustError

DELETE = "ncs certvalidation tofu-certs deletecert"
LIST = "ncs certvalidation tofu-certs listcerts"


def on_delete(site: Campus, number: int, act: Callable[[], None]) -> None:
    """Do something when the numbered delete takes effect."""
    seen: list[str] = []

    async def deleted(node: str, key: str) -> None:
        seen.append(node)
        if len(seen) == number:
            act()

    site.lab.on("delete", deleted)


def at_second(name: str, **settings: Any) -> Callable[[Campus], None]:
    """The secondary is like that for its delete; the primary's delete comes first."""

    def prepare(site: Campus) -> None:
        for setting, value in settings.items():
            site.lab.secondary.settings.change(setting, value)

    prepare.__name__ = name
    return prepare


def no_list_after(number: int) -> Callable[[Campus], None]:
    def prepare(site: Campus) -> None:
        def spoil() -> None:
            for node in site.lab.primes:
                node.settings.store.list_answers.append("% Authorization failed\n")

        on_delete(site, number, spoil)

    return prepare


def session_lost_at_verify(site: Campus) -> None:
    on_delete(site, 2, lambda: site.lab.primary.settings.change("drops", (LIST,)))


def registration_fails(site: Campus) -> None:
    site.lab.settings.ha.fails_at = "Database Replication"
    site.lab.primary.ha.settings.fails_at = "Database Replication"


FAULTS: dict[str, Callable[[Campus], None]] = {
    "the second delete drops after its effect": at_second("drop-after", deletecert="drop-after"),
    "the second delete is refused": at_second("fail", deletecert="fail"),
    "the second node restarts before its delete": at_second("before", reboots={DELETE: "before"}),
    "the second node restarts after its delete": at_second("after", reboots={DELETE: "after"}),
    "the second session is dropped": at_second("drops", drops=(DELETE,)),
    "no list after the first delete": no_list_after(1),
    "no list after the second delete": no_list_after(2),
    "the session is lost after the deletes": session_lost_at_verify,
    "the registration fails": registration_fails,
}


def mended(site: Campus) -> None:
    for node in site.lab.primes:
        node.settings.terminal.drops, node.settings.store.deletecert, node.settings.store.list_answers = (
            (),
            "chatty",
            [],
        )
        node.settings.terminal.reboots = {}
    site.lab.settings.ha.fails_at = site.lab.primary.ha.settings.fails_at = None


async def hear(site: Campus) -> None:
    """What a followed log would hand in: lines of those whose pin still rejects the peer."""
    for name, peer in (("primary", site.lab.secondary), ("secondary", site.lab.primary)):
        pinned = site.lab.node(name).tofu.pins.get(peer.key)
        if pinned is not None and pinned.fingerprint != peer.identity.fingerprint:
            await site.sight(name)


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_pin_made_anew_is_deleted(start: Any, fault: str) -> None:
    """Whatever fails, each delete that took effect is the only one of its pin, and later passes end the work."""
    site: Campus = await start(quick_lab(), change=lambda it: it["timeouts"].update(settle=1, operator=2))
    await site.settle_in()
    await site.break_trust("primary", "secondary")
    await hear(site)
    FAULTS[fault](site)
    effects: dict[str, int] = {}

    async def counted(node: str, key: str) -> None:
        effects[node] = effects.get(node, 0) + 1

    site.lab.on("delete", counted)
    for _ in range(5):
        try:
            ended = await site.heal(accept_unproven=True)
        except RetrustError:
            mended(site)
            await site.lab.until(lambda: all(n.ssh.is_open and n.running for n in site.lab.primes), "they are up")
            await hear(site)
        else:
            if ended.outcome in ("healed", "healthy"):
                break
    assert site.lab.healthy, effects
    assert max(effects.values()) == 1, "a pin that was made anew was deleted"


async def test_a_delete_that_was_seen_to_work_is_verified_there_and_then(start: Any) -> None:
    """Its edge has the approved certificate as baseline, though the rest of the plan failed."""
    site: Campus = await start(
        quick_lab(health_interval=5.0), change=lambda it: it["timeouts"].update(settle=1, operator=1)
    )
    await site.settle_in()
    await site.break_trust("primary", "secondary")
    await hear(site)
    site.lab.secondary.settings.store.deletecert = "fail"
    with pytest.raises(RetrustError):
        await site.heal(accept_unproven=True)
    baselines = await site.ledger.baselines("campus")
    assert baselines[site.edge("primary")].fingerprint == site.lab.secondary.identity.fingerprint
    assert baselines[site.edge("secondary")].fingerprint != site.lab.primary.identity.fingerprint


async def test_an_undecided_delete_waits_for_what_decides_it(start: Any) -> None:
    """A delete without effect is not sent again by itself; a new log line, or a person, shows that the pin is old."""
    site: Campus = await start(quick_lab(), change=lambda it: it["timeouts"].update(settle=1, operator=1))
    await site.settle_in()
    await site.break_trust("secondary")
    site.lab.primary.settings.store.deletecert = "no-effect"
    with pytest.raises(RetrustError, match="still listed after being sent"):
        await site.heal(accept_unproven=True)
    site.lab.primary.settings.store.deletecert = "chatty"
    sent = site.deletes()["primary"]
    with pytest.raises((RetrustError, PersonNeeded)):
        await site.heal(accept_unproven=True)
    assert site.deletes()["primary"] == sent
    await hear(site)
    assert (await site.heal(accept_unproven=True)).outcome == "healed"
    assert site.deletes()["primary"] == sent + 1
