"""The gate ``ticket`` against a ServiceNow over real HTTP: made once, read right, shut in every trouble."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from retrust.engine.loader import load_plugins
from retrust.models import GateState
from retrust.secrets.redaction import Redactor
from retrust.secrets.stores import Secrets
from retrust.testing.fake_servicenow import FakeServiceNow
from retrust.testing.plans import DIGEST, NOW, a_case, a_plan, a_question
from retrust_plugins import servicenow as plugin
from retrust_plugins.servicenow.gate import Ticket
from retrust_plugins.servicenow.settings import TicketSettings

OTHER = "sha256:" + "2" * 64


@pytest.fixture
async def snow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeServiceNow]:
    fake = FakeServiceNow()
    monkeypatch.setenv("SNOW_PASSWORD", fake.password)
    monkeypatch.setenv("SNOW_TOKEN", fake.token)
    async with fake.serving():
        yield fake


def ticket_settings(snow: FakeServiceNow, **more: Any) -> dict[str, Any]:
    return {"url": snow.url, "username": snow.username, "password": "env:SNOW_PASSWORD", **more}


async def ask(
    gate: Ticket, snow: FakeServiceNow, *, digest: str = DIGEST, later: timedelta = timedelta(), **more: Any
) -> GateState:
    question = a_question(
        gate,
        ticket_settings(snow, **more),
        plan=a_plan("delete-pin", digest=digest),
        case=a_case(digest=digest),
        now=NOW + later,
        secrets=Secrets({}, Redactor()),
    )
    return await gate.state(question)


# -- made once ---------------------------------------------------------------------------------------


async def test_makes_a_change_request(snow: FakeServiceNow) -> None:
    """The first look makes a change request that holds the plan, its digest and its evidence."""
    state = await ask(Ticket(), snow)
    (record,) = snow.records.values()
    assert (state.state, state.until) == ("shut", NOW + timedelta(minutes=1))
    assert "CHG0000001 to be approved" in (state.needs or "")
    assert record["correlation_id"] == f"retrust:c1:{DIGEST}"
    assert len(record["correlation_id"]) <= 100, "the column's length"
    for part in (DIGEST, "EVIDENCE: proven", "> delete 10.0.0.12_8082", "cannot be undone", "host=10.0.0.12_8082"):
        assert part in record["description"]


async def test_is_made_once(snow: FakeServiceNow) -> None:
    """Further looks, also by a gate in a new process, find the one that is there."""
    gate = Ticket()
    for each in (gate, gate, Ticket()):
        await ask(each, snow)
    assert len(snow.records) == 1


async def test_a_lost_answer_makes_no_second(snow: FakeServiceNow) -> None:
    """Where it was made and the answer was lost, the next look finds it."""
    snow.troubles = ["lost answer"]
    assert (await ask(Ticket(), snow)).state == "shut"
    assert len(snow.records) == 1
    assert "CHG0000001" in ((await ask(Ticket(), snow)).needs or "")
    assert len(snow.records) == 1


async def test_of_two_made_at_once_the_oldest_counts(snow: FakeServiceNow) -> None:
    """Two processes that both found none end in one: every look takes the oldest."""
    await ask(Ticket(), snow)
    (first,) = snow.records.values()
    newer = {**first, "sys_id": "f" * 32, "number": "CHG0000002", "sys_created_on": "2026-01-02 00:00:00"}
    snow.records = {newer["sys_id"]: newer, first["sys_id"]: first}
    first.update(approval="approved", state="-2")
    assert (await ask(Ticket(), snow)).state == "open"


async def test_a_new_plan_asks_anew(snow: FakeServiceNow) -> None:
    """An approval is for one digest: another plan of the case has its own change request."""
    gate = Ticket()
    await ask(gate, snow)
    snow.approve()
    assert (await ask(gate, snow)).state == "open"
    assert (await ask(gate, snow, digest=OTHER)).state == "shut"
    assert len(snow.records) == 2


async def test_fields_of_the_policy(snow: FakeServiceNow) -> None:
    """The policy sets further fields, with the case's words filled in, and may choose the table."""
    fields = {"assignment_group": "Network {unknown}", "short_description": "{site}: {case} {grade} {digest}"}
    await ask(Ticket(), snow, fields=fields, table="u_change")
    (record,) = snow.records.values()
    assert record["sys_class_name"] == "u_change"
    assert record["assignment_group"] == "Network {unknown}"
    assert record["short_description"] == f"campus: c1 proven {DIGEST}"


# -- read right --------------------------------------------------------------------------------------

MAPPED: list[Any] = [
    pytest.param({}, "shut", id="new"),
    pytest.param({"state": "-3", "approval": "requested"}, "shut", id="in authorization"),
    pytest.param({"state": "-4", "approval": "approved"}, "shut", id="approved, and not scheduled yet"),
    pytest.param({"state": "-2", "approval": "requested"}, "shut", id="scheduled, and not approved"),
    pytest.param({"state": "-2", "approval": "approved"}, "open", id="approved and scheduled"),
    pytest.param({"state": "-1", "approval": "approved"}, "open", id="approved, in implementation"),
    pytest.param({"state": "-5", "approval": "rejected"}, "closed", id="rejected"),
    pytest.param({"state": "-2", "approval": "rejected"}, "closed", id="rejected after all"),
    pytest.param({"state": "4", "approval": "approved"}, "closed", id="cancelled"),
    pytest.param({"state": "3", "approval": "approved"}, "closed", id="closed"),
    pytest.param({"state": "0", "approval": "approved"}, "closed", id="in review: the change is over"),
    pytest.param({"state": "17", "approval": "approved"}, "shut", id="a state that is not known"),
    pytest.param({"state": "-2", "approval": "not_required"}, "shut", id="an approval that is not known"),
    pytest.param({"state": "", "approval": ""}, "shut", id="empty fields"),
]


@pytest.mark.parametrize(("fields", "expected"), MAPPED)
async def test_states(snow: FakeServiceNow, fields: dict[str, str], expected: str) -> None:
    """Each row is what stands in the change request, and how the gate stands."""
    gate = Ticket()
    await ask(gate, snow)
    snow.change(**fields)
    assert (await ask(gate, snow)).state == expected


async def test_states_of_a_site(snow: FakeServiceNow) -> None:
    """A site with states of its own says which are open and which are over."""
    own: dict[str, Any] = {"open_states": "ready", "closed_states": ["done"]}
    await ask(Ticket(), snow)
    for state, expected in (("ready", "open"), ("done", "closed"), ("-2", "shut")):
        snow.change(state=state, approval="approved")
        assert (await ask(Ticket(), snow, **own)).state == expected


# -- shut in every trouble ---------------------------------------------------------------------------

TROUBLES: list[Any] = [
    pytest.param("403", "may not do that", id="403"),
    pytest.param("500", "failed (500)", id="500"),
    pytest.param("503", "failed (503)", id="503"),
    pytest.param("hibernating", "hibernating?", id="a page in place of JSON"),
    pytest.param("login page", "not expected (302)", id="a redirect to a login page"),
]


@pytest.mark.parametrize(("trouble", "needs"), TROUBLES)
async def test_trouble_is_shut_and_nothing_is_lost(snow: FakeServiceNow, trouble: Any, needs: str) -> None:
    """Each row is a way to fail: shut with the reason, and when it works again the same request is found."""
    gate = Ticket()
    await ask(gate, snow)
    snow.approve()
    snow.always = trouble
    state = await ask(gate, snow)
    assert state.state == "shut"
    assert needs in (state.needs or "")
    assert snow.url in (state.needs or "")
    snow.always = None
    assert (await ask(gate, snow)).state == "open"
    assert len(snow.records) == 1


async def test_trouble_before_it_was_made(snow: FakeServiceNow) -> None:
    """Where it could not be made, a later look makes it."""
    gate = Ticket()
    snow.always = "500"
    assert (await ask(gate, snow)).state == "shut"
    assert not snow.records
    snow.always = None
    assert (await ask(gate, snow)).state == "shut"
    assert len(snow.records) == 1


async def test_refused_credentials_are_not_tried_twice(snow: FakeServiceNow, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 401 shuts the gate; the same password is not sent again, a changed one is."""
    gate = Ticket()
    monkeypatch.setenv("SNOW_PASSWORD", "wrong-password-1")
    first = await ask(gate, snow)
    assert (first.state, first.until) == ("shut", None)
    assert "401" in (first.needs or "")
    assert "env:SNOW_PASSWORD" in (first.needs or "")
    sent = len(snow.requests)
    assert (await ask(gate, snow)).state == "shut"
    assert len(snow.requests) == sent
    monkeypatch.setenv("SNOW_PASSWORD", snow.password)
    assert "CHG0000001" in ((await ask(gate, snow)).needs or "")


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("120", 120), (None, 60), ("soon", 60), ("0", 1), ("99999999", 3600), ("Thu, 01 Jan 2015 00:00:00 GMT", 1)],
)
async def test_429_is_obeyed(snow: FakeServiceNow, retry_after: str | None, seconds: int) -> None:
    """After a 429 the instance is left alone for as long as it asks, within limits, and then asked again."""
    gate = Ticket()
    snow.retry_after, snow.troubles = retry_after, ["429"]
    state = await ask(gate, snow)
    assert (state.state, state.until) == ("shut", NOW + timedelta(seconds=seconds))
    early = await ask(gate, snow, later=timedelta(seconds=seconds - 1))
    assert (early.state, early.until, len(snow.requests)) == ("shut", state.until, 1)
    assert "CHG0000001" in ((await ask(gate, snow, later=timedelta(seconds=seconds))).needs or "")


async def test_no_answer(snow: FakeServiceNow, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance that takes the request and says nothing is given up after the limit."""
    monkeypatch.setattr("retrust_plugins.servicenow.client.TIMEOUT", 0.2)
    snow.always = "silent"
    state = await ask(Ticket(), snow)
    assert (state.state, state.until) == ("shut", NOW + timedelta(minutes=1))
    assert "no answer within" in (state.needs or "")


async def test_not_there() -> None:
    """An instance that cannot be reached at all shuts the gate."""
    gone = FakeServiceNow()
    async with gone.serving():
        pass
    question = a_question(Ticket(), {"url": gone.url, "token": "env:HOME"}, secrets=Secrets({}, Redactor()))
    state = await Ticket().state(question)
    assert state.state == "shut"
    assert "not reached" in (state.needs or "")


async def test_a_missing_secret(snow: FakeServiceNow, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference that cannot be read shuts the gate and names the reference; nothing was sent."""
    monkeypatch.delenv("SNOW_PASSWORD")
    state = await ask(Ticket(), snow)
    assert state.state == "shut"
    assert "env:SNOW_PASSWORD" in (state.needs or "")
    assert not snow.requests


async def test_without_secrets_nothing_is_asked(snow: FakeServiceNow) -> None:
    """Where no secrets may be read, the gate is shut and sends nothing."""
    state = await Ticket().state(a_question(Ticket(), ticket_settings(snow)))
    assert (state.state, snow.requests) == ("shut", [])


async def test_a_token_in_place_of_a_password(snow: FakeServiceNow) -> None:
    """A bearer token works as user and password do."""
    settings = {"url": snow.url, "token": "env:SNOW_TOKEN"}
    question = a_question(Ticket(), settings, secrets=Secrets({}, Redactor()))
    assert "CHG0000001" in ((await Ticket().state(question)).needs or "")


async def test_secrets_stay_inside(
    snow: FakeServiceNow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In no trouble does a password reach a state, a log, or the change request."""
    caplog.set_level(logging.DEBUG)
    states = []
    for trouble in ("401", "403", "429", "500", "hibernating", "login page", "lost answer"):
        snow.troubles = [trouble]
        states.append(await ask(Ticket(), snow))
    monkeypatch.setenv("SNOW_PASSWORD", "wrong-password-2")
    states.append(await ask(Ticket(), snow))
    everything = f"{states}{caplog.text}{snow.records}{snow.journal}"
    assert snow.password not in everything
    assert "wrong-password-2" not in everything


# -- settings ----------------------------------------------------------------------------------------

GOOD = {"url": "https://example.service-now.com", "username": "retrust", "password": "env:SNOW"}
WRONG: list[Any] = [
    pytest.param({"url": "http://example.service-now.com"}, id="a password in the clear"),
    pytest.param({"url": "https://user:pw@example.service-now.com"}, id="a password in the address"),
    pytest.param({"url": "https://example.service-now.com/api"}, id="a path"),
    pytest.param({"url": "example.service-now.com"}, id="no scheme"),
    pytest.param({"url": 7}, id="no text"),
    pytest.param({"password": "hunter2-in-the-clear"}, id="a password that is no reference"),
    pytest.param({"password": None}, id="a user without a password"),
    pytest.param({"username": None}, id="a password without a user"),
    pytest.param({"token": "env:TOKEN"}, id="password and token"),
    pytest.param({"username": None, "password": None}, id="nothing to sign in with"),
    pytest.param({"table": "change_request/../sys_user"}, id="a table that is a path"),
    pytest.param({"fields": {"correlation_id": "x"}}, id="a field that is the gate's"),
    pytest.param({"fields": {"approval": "approved"}}, id="an approval by policy"),
    pytest.param({"open_states": ["-2"], "closed_states": ["-2"]}, id="a state that is both"),
    pytest.param({"open_states": []}, id="no open state"),
    pytest.param({"poll": 0}, id="no pause"),
]


@pytest.mark.parametrize("given", WRONG)
def test_wrong_settings(given: dict[str, Any]) -> None:
    """Each row cannot be meant, or is unsafe; the refusal quotes no secret."""
    TicketSettings.model_validate(GOOD)
    with pytest.raises(ValidationError) as raised:
        TicketSettings.model_validate({**GOOD, **given})
    said = "".join(error["msg"] for error in raised.value.errors())
    assert "hunter2" not in said
    assert "user:pw" not in said


def test_registers() -> None:
    """The plugin registers the gate and the observer; the gate approves, and no person of ours opens it."""
    plugins = load_plugins(extra={"servicenow": plugin}, entry_points=False)
    gate = plugins.gates["ticket"]
    assert (gate.by_person, getattr(gate, "approves", False)) == (False, True)
    assert "servicenow" in plugins.observers


# -- when it may run ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({"on_hold": "true"}, "taken off hold"),
        ({"start_date": "2026-03-04 13:00:00"}, "planned start"),
        ({"end_date": "2026-03-04 11:00:00"}, "ended at 2026-03-04 11:00"),
        ({"start_date": "soon"}, "can be read"),
        ({"on_hold": "false", "start_date": "2026-03-04 11:00:00", "end_date": "2026-03-04 13:00:00"}, None),
    ],
)
async def test_an_approved_request_has_its_time(
    snow: FakeServiceNow, fields: dict[str, str], needs: str | None
) -> None:
    """On hold, not yet begun, over or unreadable: shut, and it says why; between its times it is open."""
    gate = Ticket()
    await ask(gate, snow)
    snow.approve()
    snow.change(**fields)
    state = await ask(gate, snow)
    assert (state.state == "open") is (needs is None)
    assert needs is None or needs in (state.needs or "")


@pytest.mark.parametrize(
    "fields", [{"short_description": "move a desk"}, {"description": "something else"}, {"sys_created_by": "mallory"}]
)
async def test_a_request_that_is_not_ours_is_passed_over(snow: FakeServiceNow, fields: dict[str, str]) -> None:
    """The correlation alone makes it not ours: words, plan and creator are compared, and our own is made."""
    await ask(Ticket(), snow)
    snow.approve()
    snow.change(**fields)
    assert (await ask(Ticket(), snow)).state == "shut"
    assert len(snow.records) == 2
