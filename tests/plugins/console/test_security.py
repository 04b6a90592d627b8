"""What the console gives away, and to whom: headers, cookies, forms, limits, and no secret anywhere."""

from __future__ import annotations

import logging
import sqlite3
import stat
import time
from contextlib import closing
from typing import Any

import pytest

from kit.forms import hidden_field
from kit.scenes import SERVICE, a_renewal, waiting_case
from retrust.approval.tokens import revoke_token
from retrust.models import Grade

PAGES = [
    "/",
    "/cases",
    "/cases/c1",
    "/cases/c1/live",
    "/live",
    "/cases/c1/export",
    "/cases/c1/files/x",
    "/sites",
    "/sites/campus",
    "/audit",
    "/audit.csv",
    "/audit/1",
]
API = [
    "/me",
    "/cases",
    "/cases/c1",
    "/cases/c1/events",
    "/cases/c1/export",
    "/sites",
    "/audit/entries",
    "/audit/verify",
]


async def test_strangers_see_nothing(world: Any) -> None:
    """Without signing in every page leads to the sign-in, and every API call is refused."""
    await waiting_case(world.ledger)
    stranger = world.client()
    for path in PAGES:
        answer = await stranger.get(path)
        assert (answer.status_code, answer.headers.get("location", "")[:12]) == (303, "/sign-in?to="), path
    for path in API:
        answer = await stranger.get(f"/api/v1{path}")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
    for path in (
        "/cases/c1/approve",
        "/cases/c1/reject",
        "/cases/c1/cancel",
        "/cases/c1/again",
        "/audit/verify",
        "/sign-out",
    ):
        assert (await stranger.post(path, data={"digest": "x"})).status_code in (303, 422), path


async def test_a_cookie_is_no_bearer_and_a_bearer_no_cookie(world: Any) -> None:
    """The API takes tokens only, so that no other site's page can use a person's cookie there; pages take cookies."""
    browser, api = await world.browser("ann"), await world.api("ann")
    assert (await browser.get("/api/v1/me")).status_code == 401
    assert (await api.get("/cases")).status_code == 303


async def test_headers(world: Any) -> None:
    """Every answer has the security headers: pages, the API, files, errors and refusals of the server itself."""
    ann = await world.browser("ann")
    answers = [
        await ann.get(path)
        for path in (
            "/",
            "/nothing",
            "/api/v1/me",
            "/static/console.css",
            "/static/none",
            "/cases/%00",
            "/cases?state=wrong",
        )
    ]
    answers.append(await ann.post("/cases/c1/approve", content=b"x" * 100_000))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"):
            assert part in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert ("no-store" in answer.headers.get("cache-control", "")) is ("/static/" not in str(answer.url))
    assert [a.status_code for a in answers] == [200, 404, 401, 200, 404, 422, 422, 413]


@pytest.mark.parametrize(("url", "name"), [("https://retrust.example.com", "__Host-retrust"), (None, "retrust")])
async def test_cookies(make_world: Any, url: str | None, name: str) -> None:
    """The session's cookie is HttpOnly and SameSite, and Secure and bound to its host where TLS is in front."""
    world = await make_world(console={"url": url} if url else {})
    client = world.client()
    client.base_url = "https://console.test" if url else "http://console.test"
    page = await client.get("/sign-in")
    answer = await client.post(
        "/sign-in", data={"token": await world.token("ann"), "csrf": hidden_field(page.text, "csrf")}
    )
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith(f"{name}=")]
    for part in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert part in cookie
    assert ("Secure" in cookie) is (url is not None)
    assert ("strict-transport-security" in answer.headers) is (url is not None)
    assert stat.S_IMODE((world.engine.home / "console.key").stat().st_mode) == 0o600


async def test_a_form_must_be_ours(world: Any) -> None:
    """A form without its token, with another person's, or sent from another site, does nothing."""
    case = await waiting_case(world.ledger)
    ann, ben = await world.browser("ann"), await world.browser("ben")
    theirs = hidden_field((await ben.get("/")).text, "csrf")
    ours = hidden_field((await ann.get("/")).text, "csrf")
    body = {"reason": "ok", "digest": case.digest}
    for csrf, headers in (
        ("", {}),
        (theirs, {}),
        ("x" * 64, {}),
        (ours, {"origin": "https://evil.example"}),
        (ours, {"sec-fetch-site": "cross-site"}),
    ):
        answer = await ann.post(f"/cases/{case.id}/approve", data={**body, "csrf": csrf}, headers=headers)
        assert answer.status_code == 403, (csrf, headers)
    assert await world.ledger.decisions(case.id) == []
    answer = await ann.post(
        f"/cases/{case.id}/approve",
        data={**body, "csrf": ours},
        headers={"origin": "http://console.test", "sec-fetch-site": "same-origin"},
    )
    assert answer.status_code == 303


async def test_signing_in_needs_our_page(world: Any) -> None:
    """A sign-in that another page posts is refused, so that nobody is signed in as somebody else unawares."""
    token, client = await world.token("ann"), world.client()
    assert (await client.post("/sign-in", data={"token": token, "csrf": "x"})).status_code == 403
    await client.get("/sign-in")
    assert (await client.post("/sign-in", data={"token": token, "csrf": "x"})).status_code == 403


async def test_sign_out_ends_the_session(world: Any) -> None:
    """After signing out, a kept copy of the cookie is worth nothing."""
    ann = await world.browser("ann")
    kept = dict(ann.cookies)
    csrf = hidden_field((await ann.get("/")).text, "csrf")
    assert (await ann.post("/sign-out", data={"csrf": csrf})).status_code == 303
    assert (await world.client(cookies=kept).get("/")).status_code == 303


async def test_revoking_ends_the_session(world: Any) -> None:
    """Whoever signed in with a token is out as soon as it is revoked."""
    ann = await world.browser("ann")
    assert (await ann.get("/")).status_code == 200
    await revoke_token(world.ledger, world.tokens["ann"].split("_")[1], actor="person:admin")
    assert (await ann.get("/")).status_code == 303


async def test_a_session_ends_by_itself(make_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign-in lasts as long as the inventory says, whatever the browser keeps."""
    world = await make_world(console={"session": "1h"})
    ann = await world.browser("ann")
    kept, now = dict(ann.cookies), time.time()
    for later, status in ((3500, 200), (3700, 303)):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        assert (await world.client(cookies=kept).get("/")).status_code == status


async def test_a_changed_cookie(world: Any) -> None:
    """A cookie that is changed anywhere, or sealed for another purpose, is nobody's."""
    ann = await world.browser("ann")
    value, form = ann.cookies["retrust"], ann.cookies["retrust-form"]
    body, _, tag = value.partition(".")
    for wrong in (body, f"{body}.", f"{body[:-4]}AAAA.{tag}", f"{body}.{'0' * 64}", form, "é.é", "." * 3):
        answer = await world.client(headers={"cookie": f"retrust={wrong}".encode()}).get("/")
        assert answer.status_code == 303, wrong


async def test_attempts_are_limited(world: Any) -> None:
    """After ten failures an address waits, also with the right token on the page; other addresses do not."""
    client, token = world.client(), await world.token("ann")

    async def attempt(given: str) -> Any:
        csrf = hidden_field((await client.get("/sign-in")).text, "csrf")
        return await client.post("/sign-in", data={"token": given, "csrf": csrf})

    statuses = [(await attempt("retrust_00000000_" + "x" * 43)).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    refused = await attempt(token)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 301
    stranger = await world.client(headers={"Authorization": "Bearer wrong"}).get("/api/v1/me")
    assert stranger.status_code == 429
    assert (await (await world.api("ann")).get("/api/v1/me")).status_code == 200, "a right token is no guess"


async def test_an_account_is_limited_from_anywhere(make_world: Any) -> None:
    """Guesses at one account's token count together, wherever they come from; other accounts are free."""
    world = await make_world(console={"trusted_proxies": ["127.0.0.1"]})
    account = (await world.token("ann")).split("_")[1]

    async def guess(number: int, id: str) -> int:
        headers = {"Authorization": f"Bearer retrust_{id}_{'x' * 43}", "X-Forwarded-For": f"198.51.100.{number}"}
        return int((await world.client(headers=headers).get("/api/v1/me")).status_code)

    assert [await guess(n, account) for n in range(12)][-1] == 429
    assert await guess(99, "0" * 8) == 401


async def test_only_a_trusted_proxy_says_where_a_request_comes_from(make_world: Any) -> None:
    """Behind a proxy that the inventory names each address counts for itself; elsewhere the header is not believed."""
    for proxies, expected in ((["127.0.0.1"], 401), ([], 429)):
        world = await make_world(console={"trusted_proxies": proxies})
        for number in range(11):
            headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": f"evil, 203.0.113.{number}"}
            answer = await world.client(headers=headers).get("/api/v1/me")
        assert answer.status_code == expected, proxies


async def test_the_way_back_is_ours(world: Any) -> None:
    """Where a person goes after signing in is a page of ours, whatever the link said."""
    from retrust_plugins.console.signin import local

    assert local("/cases/c1") == "/cases/c1"
    for wrong in (
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:x",
        "/sign-out",
        "/a\nb",
        "",
    ):
        assert local(wrong) == "/", wrong


async def test_what_is_sent_is_escaped(world: Any) -> None:
    """Markup in a reason, a certificate's name or a cause is text."""
    case = await waiting_case(world.ledger, actor="<script>alert(1)</script>")
    ann = await world.browser("ann")
    csrf = hidden_field((await ann.get("/")).text, "csrf")
    await ann.post(
        f"/cases/{case.id}/approve",
        data={"reason": "<img src=x onerror=alert(1)>", "digest": case.digest, "csrf": csrf},
    )
    for path in ("/", f"/cases/{case.id}", "/audit"):
        text = (await ann.get(path)).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


async def test_no_secret_anywhere(world: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """Planted secrets and tokens are in no page, answer, log line, header or ledger file, refusals included."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "httpx")  # the client's own words are not the console's
    planted = ["pl4nted-pi-password", 'pl4nted <web> & "word"']
    for value in planted:
        world.engine.redactor.add(value)
    case = await waiting_case(world.ledger, plan=a_renewal(grade=Grade.SUPPORTED))
    await world.ledger.move(case.id, "wait", actor=SERVICE, note=f"login said {planted[0]}")
    ann, api = await world.browser("ann"), await world.api("ann")
    csrf = hidden_field((await ann.get("/")).text, "csrf")
    token = world.tokens["ann"]
    sent = [*planted, token]
    for secret in sent:
        await ann.post(f"/cases/{case.id}/approve", data={"reason": f"as {secret}", "digest": secret, "csrf": csrf})
        await api.post(f"/api/v1/cases/{case.id}/approve", json={"reason": "", "digest": secret, "gate": 5})
        await api.get("/api/v1/cases", params={"state": secret})
        await world.client(headers={"Authorization": f"Bearer {secret.encode().hex()}"}).get("/api/v1/me")
    for secret in planted:
        await ann.post(
            f"/cases/{case.id}/approve",
            data={"reason": f"because {secret}", "digest": case.digest, "gate": "people", "csrf": csrf},
        )
    entries = [f"/audit/{entry.seq}" for entry in await world.ledger.entries()]
    lists = ("/", "/cases", "/cases?state=all", "/sites", "/sites/campus", "/audit", "/audit.csv")
    for path in (*lists, f"/cases/{case.id}", f"/cases/{case.id}/export", *entries):
        assert (await ann.get(path)).status_code == 200
    for secret in planted:
        for path in ("/cases", "/sites", "/audit"):
            await ann.get(path, params={"q": secret, "site": secret, "person": secret, "case": secret})
    for path in API:
        if "events" not in path:
            await api.get(f"/api/v1{path.replace('c1', case.id)}")
    said = "\n".join([*world.text, caplog.text])
    with closing(sqlite3.connect(world.engine.home / "ledger.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    kept = b"".join(p.read_bytes() for p in world.engine.home.rglob("*") if p.is_file())
    for secret in planted:
        assert secret not in said
        assert secret.encode() not in kept
    assert token.split("_", 2)[2] not in said
    assert token.encode() not in kept


async def test_the_reason_may_not_be_a_token(world: Any) -> None:
    """A token pasted into a reason by mistake is masked before it is kept."""
    case = await waiting_case(world.ledger)
    api = await world.api("ann")
    answer = await api.post(
        f"/api/v1/cases/{case.id}/approve", json={"reason": f"my token is {world.tokens['ann']}", "digest": case.digest}
    )
    assert answer.status_code == 200
    (decision,) = await world.ledger.decisions(case.id)
    assert world.tokens["ann"] not in decision.reason
