"""The API as a whole: what schemathesis finds with anything that the OpenAPI allows, and the CLI through it."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kit.scenes import SERVICE, a_renewal, waiting_case
from retrust.cli.app import build
from retrust.testing.serving import serving

EXAMPLES = 25


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.timeout(300)
async def test_no_server_error(world: Any) -> None:
    """Nothing that the OpenAPI document allows, or nearly allows, makes the server fail."""
    import schemathesis
    from hypothesis import Phase, given, settings
    from hypothesis import strategies as st
    from schemathesis import GenerationMode

    await waiting_case(world.ledger)
    token = await world.token("ann")
    async with serving(world.app) as url:
        async with httpx.AsyncClient() as client:
            document = (await client.get(f"{url}/api/v1/openapi.json")).json()
        assert len(document["paths"]) >= 10
        schema = schemathesis.openapi.from_dict(document)
        calm = settings(
            max_examples=EXAMPLES,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
        )
        statuses: set[int] = set()

        def call_all() -> None:
            for found in schema.get_all_operations():
                operation = found.ok()
                if operation.path.endswith(("/events", "/audit/verify")):
                    continue  # a stream does not end, and a walk through the chain takes no parameter

                @calm
                @given(case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode]))
                def call(case: Any) -> None:
                    case.headers = {**dict(case.headers or {}), "Authorization": f"Bearer {token}"}
                    answer = case.call(base_url=url, timeout=20)
                    statuses.add(answer.status_code)
                    assert answer.status_code < 500, f"{case.method} {case.path}: {answer.text}"

                call()

        await asyncio.to_thread(call_all)
        assert {200, 422} <= statuses


async def test_pages_of_cases(make_world: Any) -> None:
    """Cases come page by page, the newest first, each once; filters hold by site and by state."""
    names = [f"s{number:02}" for number in range(7)]
    world = await make_world(sites=names)
    made = [(await waiting_case(world.ledger, name, plan=a_renewal(name, of=name))).id for name in names]
    await world.ledger.move(made[0], "heal", actor=SERVICE)
    api, seen, before = await world.api("ann"), [], ""
    while before is not None:
        page = (await api.get("/api/v1/cases", params={"limit": 4, "before": before})).json()
        seen += [c["id"] for c in page["cases"]]
        before = page["next"]
    assert seen == made[:0:-1]
    healed = (await api.get("/api/v1/cases", params={"state": "healed"})).json()["cases"]
    assert [c["id"] for c in healed] == made[:1]
    assert (await api.get("/api/v1/cases", params={"site": "s03", "state": "all"})).json()["cases"][0]["site"] == "s03"


async def test_events(world: Any) -> None:
    """A stream tells each entry of its case as it is written, goes on where it is told to, and names no other case."""
    case = await waiting_case(world.ledger)
    headers = {"Authorization": f"Bearer {await world.token('ann')}"}
    async with serving(world.app) as url, httpx.AsyncClient(headers=headers, timeout=20) as client:
        last = (await world.ledger.head()).seq
        async with client.stream("GET", f"{url}/api/v1/cases/{case.id}/events", params={"after": last}) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            await world.ledger.alarm("test", "of nobody's case", actor=SERVICE)
            await world.ledger.move(case.id, "wait", actor=SERVICE, note="still")
            data = json.loads(await first_data(stream))
    assert (data["kind"], data["what"], data["seq"]) == ("case-moved", "waiting → waiting: still", last + 2)


async def first_data(stream: httpx.Response) -> str:
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            return line.removeprefix("data: ")
    raise AssertionError("the stream ended without an event")


async def test_export(world: Any) -> None:
    """The evidence pack is the one of `retrust audit export`, and is whole."""
    case = await waiting_case(world.ledger)
    answer = await (await world.api("dan")).get(f"/api/v1/cases/{case.id}/export")
    assert answer.headers["content-disposition"] == f'attachment; filename="retrust-{case.id}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as pack:
        assert {"manifest.json", "manifest.sig", "chain.jsonl"} <= set(pack.namelist())


async def test_audit(world: Any) -> None:
    """The chain is verified over the API, and its entries are told in order."""
    await waiting_case(world.ledger)
    api = await world.api("ann")
    report = (await api.get("/api/v1/audit/verify")).json()
    assert (report["ok"], report["problem"]) == (True, None)
    told = (await api.get("/api/v1/audit/entries", params={"limit": 3})).json()
    assert [e["seq"] for e in told["entries"]] == [1, 2, 3]
    assert told["head"]["seq"] == report["entries"]


# -- the CLI with --server ---------------------------------------------------------------------------


async def type_in(world: Any, *words: str, token: str | None, **more: Any) -> Any:
    env = {"RETRUST_TOKEN": token or "", "RETRUST_INVENTORY": "/nonexistent.yaml", **more}
    app = build(world.engine.plugins, list(words))
    return await asyncio.to_thread(CliRunner().invoke, app, list(words), env=env)


async def test_the_cli_over_the_api(world: Any) -> None:
    """`--server` lists, shows, approves and rejects as the token's person, without an inventory."""
    case = await waiting_case(world.ledger)
    ann, ben = await world.token("ann"), await world.token("ben")
    async with serving(world.app) as url:
        listed = await type_in(world, "cases", "--server", url, token=ann)
        assert case.id in listed.stdout
        shown = await type_in(world, "show", case.id, "--server", url, token=ann)
        for part in (
            "- host=10.0.0.12_8082",
            "cannot be undone",
            "gate people: shut",
            "only if HA",
            "planned → waiting",
        ):
            assert part in shown.stdout
        as_json = await type_in(world, "show", case.id, "--json", "--server", url, token=ann)
        assert json.loads(as_json.stdout)["plan"]["digest"] == case.digest
        done = await type_in(world, "approve", case.id, "--reason", "ok", "--server", url, token=ann)
        assert (done.exit_code, "yes by person:ann at the gate people" in done.output) == (0, True)
        again = await type_in(world, "approve", case.id, "--reason", "ok", "--server", url, token=ann)
        assert (again.exit_code, "has decided at the gate" in again.output) == (3, True)
        no = await type_in(world, "reject", case.id, "--reason", "not today", "--server", url, token=ben)
        assert (no.exit_code, "is cancelled: nothing was changed" in no.output) == (0, True)
    assert [(d.actor, d.yes) for d in await world.ledger.decisions(case.id)] == [
        ("person:ann", True),
        ("person:ben", False),
    ]


async def test_tokens_over_the_api(make_world: Any) -> None:
    """The role admin makes tokens there, and nobody else; what was made shows its person."""
    world = await make_world(people={"ann": ["network"], "cy": ["admin"]})
    async with serving(world.app) as url:
        for refused in (await world.token("ann"), await world.token("cy", read_only=True)):
            done = await type_in(world, "token", "create", "ann", "--server", url, token=refused)
            assert (done.exit_code, "retrust_" in done.stdout) == (3, False), done.output
        admin = await world.token("cy", note="decides")
        done = await type_in(world, "token", "create", "ann", "--days", "2", "--server", url, token=admin)
        assert done.exit_code == 0, done.output
        assert (await type_in(world, "cases", "--server", url, token=done.stdout.strip())).exit_code == 0
        nobody = await type_in(world, "token", "create", "eve", "--server", url, token=admin)
        assert (nobody.exit_code, "names no person 'eve'" in nobody.output) == (1, True)
    made = (await world.ledger.entries(kinds=["token-created"]))[-1]
    assert (made.actor, made.body.person, made.body.made) == ("person:cy", "ann", "by cy, with the role admin")


async def test_the_cli_without_a_right(world: Any) -> None:
    """No token, a wrong one, no such case, no server, or an address without TLS: each is said, none is a traceback."""
    token = await world.token("ann")
    async with serving(world.app) as url:
        for given, words, code, said in (
            (None, ("cases",), 2, "set RETRUST_TOKEN"),
            ("wrong", ("cases",), 3, "a valid API token"),
            (token, ("show", "c99"), 2, "no case c99"),
            (token, ("show", "../me"), 1, ""),
        ):
            done = await type_in(world, *words, "--server", url, token=given)
            assert (done.exit_code, said in done.output) == (code, True), (words, done.output)
            assert token not in done.output
    done = await type_in(world, "cases", "--server", "http://127.0.0.1:1", token=token)
    assert (done.exit_code, "cannot be reached" in done.output) == (1, True)
    done = await type_in(world, "cases", "--server", "http://retrust.example.com", token=token)
    assert (done.exit_code, "https" in done.output) == (2, True)
