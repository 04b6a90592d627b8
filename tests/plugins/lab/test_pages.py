"""The web pages and the API over HTTPS, without a browser: what the server says and refuses."""

from __future__ import annotations

import asyncio
import json
import re
import ssl

import httpx
import pytest

from retrust_plugins.lab import LabSettings, PageSettings

LOGIN = "/webacs/pages/common/login.jsp"
HOME = "/webacs/welcomeAction.do"
VERSION = "/webacs/api/v4/op/info/version"


@pytest.fixture
async def site(start):
    """A lab with pages."""
    return await start(LabSettings())


@pytest.fixture
async def web(site):
    """A client that trusts exactly the certificate of the primary's pages."""
    trust = ssl.create_default_context(cadata=site.primary.web_identity.pem)
    async with httpx.AsyncClient(
        base_url=f"https://{site.primary.host}:{site.primary.web.port}", verify=trust, timeout=10
    ) as client:
        yield client


async def _log_in(web, node, **changes) -> httpx.Response:
    form = {"j_username": node.web_username, "j_password": node.web_password} | changes
    return await web.post("/webacs/j_spring_security_check", data=form)


async def test_login(site, web):
    """The right password leads home, with a session cookie that only HTTPS carries."""
    assert (await web.get("/")).headers["location"] == LOGIN
    answer = await _log_in(web, site.primary)
    assert (answer.status_code, answer.headers["location"]) == (302, HOME)
    assert "Secure" in answer.headers["set-cookie"]
    home = await web.get(HOME)
    assert "Administration" in home.text
    assert site.primary.web_logins == 1


async def test_wrong_login_has_status_200(site, web):
    """A wrong password shows the login page again, with an error and status 200, and no session."""
    answer = await _log_in(web, site.primary, j_password="wrong")
    assert answer.status_code == 200
    assert "Invalid username or password" in answer.text
    assert (await web.get(HOME)).headers["location"] == LOGIN
    assert (site.primary.web_logins, site.primary.failed_web_logins) == (0, 1)


async def test_sessions_end(site, web):
    """A session ends by logging out and by its lifetime; every page then leads to the login."""
    await _log_in(web, site.primary)
    await web.get("/webacs/j_spring_security_logout")
    assert (await web.get(HOME)).headers["location"] == LOGIN
    await _log_in(web, site.primary)
    site.primary.settings.pages.session_lifetime = -1.0
    assert (await web.get(HOME)).status_code == 200
    for page in (HOME, "/webacs/ha/page.do", "/webacs/iseServersAction.do"):
        assert (await web.get(page)).headers["location"] == LOGIN


async def test_popup_comes_once_a_session(site, web):
    """The dialog follows the login, and is not there when the page is loaded again."""
    await _log_in(web, site.primary)
    assert 'role="dialog"' in (await web.get(HOME)).text
    assert 'role="dialog"' not in (await web.get(HOME)).text


async def test_ids_are_never_the_same_twice(site, web):
    """No id of a field survives a reload."""
    await _log_in(web, site.primary)
    site.primary.ha.force("HA Not Configured")
    first, second = [re.findall(r'id="([^"]+)"', (await web.get("/webacs/ha/page.do")).text) for _ in range(2)]
    assert first
    assert first != second


# Validation ------------------------------------------------------------------------------------------


async def _register_errors(web, site, **changes) -> str:
    form = {
        "Secondary Server": site.secondary.host,
        "Authentication Key": site.authentication_key,
        "Failover Type": "Manual",
    } | changes
    return " ".join((await web.post("/webacs/ha/readiness.do", json=form)).json().get("errors", []))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"Secondary Server": ""}, "Secondary Server is required."),
        ({"Authentication Key": ""}, "Authentication Key is required."),
        ({"Email Address": "noc@example.com, nobody"}, "Email Address nobody is not valid."),
        ({"virtual": True}, "IPV4 Virtual IP is not a valid IPv4 address."),
        ({"virtual": True, "IPV4 Virtual IP": "192.0.2.10"}, "must be on one subnet"),
        ({"virtual": True, "IPV4 Virtual IP": "HERE", "IPV6 Virtual IP": "fe80::1"}, "must not be of the block fe80"),
        ({"virtual": True, "IPV4 Virtual IP": "HERE", "IPV6 Virtual IP": "2001:db8::10"}, ""),
        ({}, ""),
    ],
)
async def test_ha_form_is_checked(site, web, changes, error):
    """Missing fields, bad addresses, a virtual IP outside the subnet and the fe80 block are refused."""
    here = site.primary.host.rsplit(".", 1)[0] + ".100"
    changes = {name: here if value == "HERE" else value for name, value in changes.items()}
    await _log_in(web, site.primary)
    said = await _register_errors(web, site, **changes)
    assert error in said
    assert bool(error) == bool(said)


async def test_register_waits_for_readiness(site, web):
    """Register is refused before Check Readiness has passed, unless the setting makes it optional."""
    await _log_in(web, site.primary)
    site.primary.ha.enter("HA Not Configured")
    form = {"Secondary Server": site.secondary.host, "Authentication Key": site.authentication_key}

    async def register():
        return (await web.post("/webacs/ha/register.do", json=form)).json()["errors"]

    assert await register() == ["Check Readiness must pass before the servers can be registered."]
    site.primary.settings.pages.readiness_first = "optional"
    assert await register() == []
    assert site.primary.ha.registrations == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"address": ""}, "IP Address is required."),
        ({"confirmPassword": "other"}, "The passwords do not match."),
        ({"port": "x"}, "Port is not valid."),
        ({"password": "wrong", "confirmPassword": "wrong"}, "with these credentials"),
    ],
)
async def test_ise_form_is_checked(site, web, changes, error):
    """What is missing or wrong is said on the form, and nothing is added."""
    await _log_in(web, site.primary)
    site.primary.ise_servers.entries.clear()
    ise = site.ise[0]
    form = {
        "address": ise.host,
        "port": str(ise.port),
        "userName": ise.username,
        "password": ise.password,
        "confirmPassword": ise.password,
    } | changes
    assert error in (await web.post("/webacs/iseServerSave.do", data=form)).text
    assert site.primary.ise_servers.entries == []


async def test_ise_server_is_deleted(site, web):
    """Delete takes the chosen entries, and asks for a choice when there is none."""
    await _log_in(web, site.primary)
    form = {"command": "Delete ISE Server(s)"}
    assert "Please select at least one" in (await web.post("/webacs/iseServersAction.do", data=form)).text
    form["selected"] = site.ise[0].host
    assert (await web.post("/webacs/iseServersAction.do", data=form)).status_code == 303
    assert "No ISE servers found" in (await web.get("/webacs/iseServersAction.do")).text


# The API ---------------------------------------------------------------------------------------------


async def test_version(site, web):
    """Without credentials it leads to the login, with wrong ones it is refused, past the limit unavailable."""
    assert (await web.get(VERSION)).status_code == 302
    wrong, right = (site.primary.web_username, "wrong"), (site.primary.web_username, site.primary.web_password)
    assert (await web.get(VERSION, auth=wrong)).status_code == 401
    answer = await web.get(VERSION, auth=right)
    assert answer.json()["mgmtResponse"]["versionInfoDTO"]["result"] == "3.5.0"
    site.primary.settings.pages.api_limit = 1
    assert (await web.get(VERSION, auth=right)).status_code == 503


async def test_alarm_stream(site, web):
    """It greets, pings, and tells of high availability lost."""
    site.settings.ping_interval = 0.05
    seen: dict[str, str] = {}
    auth = (site.primary.web_username, site.primary.web_password)
    async with asyncio.timeout(10), web.stream("GET", "/webacs/api/v4/sse/Alarms", auth=auth) as stream:
        kind = ""
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                seen[kind] = value
            if kind == "ping" and "event" not in seen:
                await site.secondary.renew()
            if {"greeting", "ping", "event"} <= seen.keys():
                break
    assert "High availability" in json.loads(seen["event"])["alarmsDTO"]["message"]


async def test_health_monitor_page(site):
    """Port 8082 has a login page with the documented title that asks for the authentication key only."""
    trust = ssl.create_default_context(cadata=site.secondary.identity.pem)
    base = f"https://{site.secondary.host}:{site.secondary.health_port}"
    async with httpx.AsyncClient(base_url=base, verify=trust) as client:
        page = (await client.get("/login.jsp")).text
        assert "<title>Health Monitor Login Page</title>" in page
        assert page.count('type="password"') == 1
        assert (await client.get("/status.jsp")).headers["location"] == "/login.jsp"
        wrong = await client.post("/j_security_check", data={"authenticationKey": "x"})
        assert "Invalid authentication key" in wrong.text
        await client.post("/j_security_check", data={"authenticationKey": site.authentication_key})
        assert "Secondary Syncing" in (await client.get("/status.jsp")).text


async def test_page_settings_are_this_labs_own(start):
    """Two labs of one settings object do not share it."""
    settings = LabSettings(web=False).with_nodes(pages=PageSettings(menu="hover"))
    one, two = await start(settings), await start(settings)
    one.primary.settings.pages.menu = "click"
    assert two.primary.settings.pages.menu == "hover"
