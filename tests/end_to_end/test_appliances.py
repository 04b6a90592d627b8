"""One appliance differs from the next: the whole heal ends well in each, or says soon why it does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kit.campus import Campus, quick_lab
from retrust.errors import PermanentError, RetrustError, TemporaryError
from retrust.runs.reaching import look
from retrust.ssh import SlowAnswer
from retrust_plugins.lab.settings import LISTING_3_9

DELETE, LIST = "ncs certvalidation tofu-certs deletecert", "ncs certvalidation tofu-certs listcerts"
LIMIT = 100.0
"""Seconds for a whole heal; the slowest of these takes a few."""

WORKS: dict[str, dict[str, Any]] = {
    "offers a session to resume": {"resumable": True},
    "terms of use": {"login_question": "Do you accept the terms of use of this system (yes/no)? "},
    "a banner with a fake prompt": {"banner": "Property of # Example #\nprime-pri/admin# \nprime-sec/admin#\n#"},
    "configuration mode": {"config_mode": True},
    "no echo": {"echo": False},
    "no echo, no header": {"echo": False, **LISTING_3_9},
    "no echo, and terms of use": {"echo": False, "resumable": True, "login_question": "Accept the policy (yes/no)? "},
    "bare carriage returns": {"line_end": "\r"},
    "bare carriage returns after a banner": {"line_end": "\r", "banner": "Welcome\nto the lab"},
    "one shell at a time": {"shells_at_once": 1},
    "another prompt": {"prompt": "PRIME.Example-1/{user}#"},
    "300 pins": {"strangers": 300},
    "release 3.9": LISTING_3_9,
    "release 3.9, and nothing else is listed": {"self_entries": "off", **LISTING_3_9},
    "a slow command line": {"delay": 0.3},
    "asks before it deletes": {"deletecert": "confirm"},
    "asks in letters": {"deletecert": "confirm", "delete_question": "Delete this certificate? [y/n] "},
    "asks, and names the host": {"deletecert": "confirm", "delete_question": "Delete pin {key} (yes/no)? "},
    "a second list that is empty": {"list_answers": ["\n"]},
    **{f"wrapped at {width}": {"width": width} for width in (60, 79, 80, 100, 120, 132, 511)},
}


async def heal(site: Campus, passes: int = 1) -> None:
    """Up to so many passes, as a service would begin them; the last one's error counts."""
    for left in reversed(range(passes)):
        try:
            ended = await site.heal(accept_unproven=True)
        except TemporaryError:
            if not left:
                raise
            await asyncio.sleep(0)
        else:
            assert ended.outcome in ("healed", "healthy")
            return


async def start_broken(start: Any, **node: Any) -> Campus:
    site: Campus = await start(quick_lab().with_nodes(**node))
    await site.settle_in()
    await site.break_trust("secondary")
    return site


@pytest.mark.parametrize("variation", WORKS)
async def test_the_whole_heal(start, variation):
    """One delete, one registration, and a healthy pair."""
    site = await start_broken(start, **WORKS[variation])
    async with asyncio.timeout(LIMIT):
        await heal(site)
    assert site.deletes() == {"primary": 1, "secondary": 0}
    assert site.lab.primary.ha.registrations == 1
    assert site.lab.healthy


STOPS: dict[str, tuple[dict[str, Any], str]] = {
    "a password to change": ({"login_question": "Your password expires. Change it now? [y/n]: "}, "Change it now"),
    "another session": ({"login_question": "End the other session of admin (yes/no)? "}, "End the other session"),
    "a configuration to discard": ({"login_question": "Discard the configuration (yes/no)? "}, "Discard"),
    "a new password": ({"unexpected_question": "Enter new password: "}, "Enter new password"),
    "a key to press": ({"unexpected_question": "Press any key to continue"}, "Press any key"),
    "no shell": ({"shells_at_once": 0}, "no interactive shell"),
    "broken at blanks": ({"width": 70, "break_at": "blank"}, "not understood"),
}


@pytest.mark.parametrize("variation", STOPS)
async def test_what_stops_a_heal_is_said(start, variation):
    """Quoted, before anything is written, and not by waiting until the limit of an answer is over."""
    settings, said = STOPS[variation]
    site = await start_broken(start, **settings)
    with pytest.raises(RetrustError, match=said) as stopped:
        await heal(site)
    assert not isinstance(stopped.value, SlowAnswer)
    assert site.writes == 0


@pytest.mark.parametrize(
    "question",
    [
        "Delete all certificates (yes/no)? ",
        "Delete the certificate of 10.9.9.9_443 (yes/no)? ",
        "The server must restart. Continue (yes/no)? ",
        "Discard the configuration and delete (yes/no)? ",
    ],
)
async def test_a_delete_that_asks_for_more_is_not_confirmed(start, question):
    """The question is quoted, and the pin stays."""
    site = await start_broken(start, deletecert="confirm", delete_question=question)
    with pytest.raises(RetrustError) as stopped:
        await heal(site)
    assert question.strip() in str(stopped.value)
    assert site.lab.secondary.key in site.lab.primary.tofu.pins


async def test_a_question_that_the_inventory_allows(start):
    """Its answer is typed, and nothing else is."""
    question = {"match": "which role", "answer": "operator"}
    site = await start(
        quick_lab().with_nodes(unexpected_question="Which role do you take? "),
        change=lambda it: [it[node]["ssh"].update(questions=[question]) for node in ("primary", "secondary")],
    )
    await site.settle_in()
    await site.break_trust("secondary")
    await heal(site)
    assert {answer for _, answer in site.lab.primary.answers} == {"operator"}


NO_LISTS = {
    "refused": ("% Authorization failed\n", PermanentError),
    "no such command": ("                  ^\n% invalid command detected at '^' marker.\n", PermanentError),
    "database": ("Unable to connect to the database\n", TemporaryError),
    "exception": ("java.lang.NullPointerException\n\tat com.cisco.Tofu.list(Tofu.java:12)\n", TemporaryError),
    "a list and an error": ("host=198.18.0.1_443; subject= /CN=x\nERROR : not all could be read\n", TemporaryError),
    "cut off": ("host=198.18.0.1_44", TemporaryError),
}


@pytest.mark.parametrize("answer", NO_LISTS)
async def test_a_check_says_what_is_no_list(start, answer):
    """It is an error that quotes the answer, never a site without pins."""
    text, kind = NO_LISTS[answer]
    site = await start(quick_lab())
    site.lab.secondary.settings.store.list_answers.append(text)
    with pytest.raises(kind) as said:
        await look(site.engine, site.site, site.ledger, pages=False)
    assert text.strip().split("\n")[-1].strip() in str(said.value)


@pytest.mark.parametrize("variation", STOPS)
async def test_a_check_answers_no_more_than_a_run(start, variation):
    """The same questions end it, quoted."""
    settings, said = STOPS[variation]
    site = await start(quick_lab().with_nodes(**settings))
    with pytest.raises(RetrustError, match=said):
        await look(site.engine, site.site, site.ledger, pages=False)


@pytest.mark.parametrize("step", ["first look", "after the delete", "verify"])
@pytest.mark.parametrize("answer", NO_LISTS)
async def test_an_answer_that_is_no_list_is_never_healed(start, answer, step):
    """It is quoted at whatever step it comes, and a later pass ends the work."""
    text, kind = NO_LISTS[answer]
    site = await start_broken(start)
    spoilt, once = site.lab.primary.settings.store.list_answers, [text]

    def before(part: str) -> None:
        if (part, step) in (("list", "first look"), ("verify", "verify")):
            spoilt.append(text)

    if step == "after the delete":
        site.lab.on("delete", lambda *_: spoilt.extend(once))
    with pytest.raises(kind) as failed:
        await site.heal(accept_unproven=True, before=before)
    assert text.strip().split("\n")[-1].strip() in str(failed.value)
    once.clear()
    await heal(site)
    assert site.lab.healthy
    assert site.deletes() == {"primary": 1, "secondary": 0}


BREAKS = [
    ("drops", (DELETE,)),
    ("deletecert", "drop-after"),
    ("reboots", {DELETE: "before"}),
    ("reboots", {DELETE: "after"}),
    ("reboots", {LIST: "before"}),
    ("reboots", {LIST: "after"}),
]


@pytest.mark.parametrize(("setting", "value"), BREAKS)
async def test_a_session_that_ends_or_a_node_that_restarts(start, setting, value):
    """Whatever a pass meets, later ones end the work; a delete that took effect is not sent again."""
    site = await start_broken(start)
    lost = DELETE in str(value) and value != {DELETE: "after"}
    site.lab.primary.settings.change(setting, value)

    def mend(part: str) -> None:
        site.lab.primary.settings.terminal.drops = ()

    for _ in range(6):
        try:
            ended = await site.heal(accept_unproven=True)
        except RetrustError:
            mend("")
            await site.lab.until(lambda: site.lab.primary.ssh.is_open and site.lab.primary.running, "it is up again")
            pin = site.lab.primary.tofu.pins.get(site.lab.secondary.key)
            if pin is not None and pin.fingerprint != site.lab.secondary.identity.fingerprint:
                await site.sight("primary")  # as a followed log hands it in: the old pin still rejects the peer
        else:
            if ended.outcome in ("healed", "healthy"):
                break
    assert site.lab.healthy
    assert site.deletes()["primary"] <= 1 + lost
