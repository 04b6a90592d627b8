"""The fake keeps the platform's rules that the tests of tickets rely on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from retrust.testing.fake_servicenow import FakeServiceNow

CHANGES = "/api/now/table/change_request"


@pytest.fixture
async def fake() -> AsyncIterator[FakeServiceNow]:
    async with FakeServiceNow().serving() as serving:
        yield serving


@pytest.fixture
async def client(fake: FakeServiceNow) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=fake.url, auth=(fake.username, fake.password)) as opened:
        yield opened


async def test_nobody_is_served_without_the_instances_secrets(fake: FakeServiceNow) -> None:
    """Basic and bearer both, each with its own secret."""
    async with httpx.AsyncClient(base_url=fake.url) as client:
        assert (await client.get(CHANGES)).status_code == 401
        assert (await client.get(CHANGES, auth=(fake.username, fake.token))).status_code == 401
        assert (await client.get(CHANGES, auth=(fake.username, fake.password))).status_code == 200
        assert (await client.get(CHANGES, headers={"Authorization": f"Bearer {fake.token}"})).status_code == 200


async def test_a_column_that_the_table_has_not_is_dropped_in_silence(
    fake: FakeServiceNow, client: httpx.AsyncClient
) -> None:
    """Made and updated alike; work notes go to the journal and not into the record."""
    made = (await client.post(CHANGES, json={"description": "d", "no_such": "x", "sys_id": "mine"})).json()["result"]
    assert made["description"] == "d"
    assert "no_such" not in made
    assert made["sys_id"] != "mine"
    told = {"work_notes": "a note", "no_such": "x"}
    updated = (await client.patch(f"{CHANGES}/{made['sys_id']}", json=told)).json()["result"]
    assert not updated.keys() & told.keys()
    assert fake.journal[made["sys_id"]] == ["a note"]


async def test_a_query_filters_orders_and_limits(client: httpx.AsyncClient) -> None:
    """All terms hold; only the wanted fields of that table's records are given."""
    for mark, description in (("a", "2"), ("a", "1"), ("b", "0")):
        await client.post(CHANGES, json={"correlation_id": mark, "description": description})
    await client.post("/api/now/table/incident", json={"correlation_id": "a", "description": "0"})
    params = {"sysparm_query": "correlation_id=a^ORDERBYdescription", "sysparm_fields": "description"}
    assert (await client.get(CHANGES, params=params)).json()["result"] == [{"description": "1"}, {"description": "2"}]
    assert len((await client.get(CHANGES, params=params | {"sysparm_limit": "1"})).json()["result"]) == 1


async def test_troubles_come_in_turn_and_then_it_works(fake: FakeServiceNow, client: httpx.AsyncClient) -> None:
    """Each takes one request; a lost answer waits for the request that makes a record, and the record is made."""
    fake.troubles = ["503", "429", "lost answer"]
    answers = [await client.get(CHANGES), await client.get(CHANGES), await client.get(CHANGES)]
    assert [answer.status_code for answer in answers] == [503, 429, 200]
    assert answers[1].headers["Retry-After"] == fake.retry_after
    assert (await client.post(CHANGES, json={})).status_code == 502
    assert len(fake.records) == 1


async def test_an_attachment_belongs_to_a_record(fake: FakeServiceNow, client: httpx.AsyncClient) -> None:
    """It is found by the record and its name; none is taken for a record that is not there."""
    made = (await client.post(CHANGES, json={})).json()["result"]["sys_id"]
    params = {"table_name": "change_request", "table_sys_id": made, "file_name": "plan.json"}
    file = {"content": b"{}", "headers": {"Content-Type": "application/json"}}
    assert (await client.post("/api/now/attachment/file", params=params, **file)).status_code == 201
    nowhere = params | {"table_sys_id": "none"}
    assert (await client.post("/api/now/attachment/file", params=nowhere, **file)).status_code == 404
    query = {"sysparm_query": f"table_sys_id={made}^file_name=plan.json"}
    assert len((await client.get("/api/now/attachment", params=query)).json()["result"]) == 1
    query = {"sysparm_query": f"table_sys_id={made}^file_name=other.json"}
    assert (await client.get("/api/now/attachment", params=query)).json()["result"] == []
    assert fake.attachments[0].content == b"{}"
