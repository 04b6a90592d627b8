"""One certificate and no other: nothing of HTTP reaches a server that presents another one."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest
from playwright.async_api import Error as PlaywrightError

from retrust.browser.chromium import open_browser
from retrust.errors import ChangedIdentity, PermanentError, TemporaryError
from retrust_plugins.cisco_prime.browser import open_pages
from retrust_plugins.cisco_prime.browser.trust import trusted_fingerprint


async def test_a_changed_certificate_is_refused_before_any_request(start, certificate, other_certificate):
    """Another certificate than the inventory's raises, names both, and no request was made."""
    appliance = await start(served=other_certificate)
    with pytest.raises(ChangedIdentity) as caught:
        async with open_pages(appliance.access()):
            pytest.fail("the pages were opened")
    assert appliance.requests == []
    assert caught.value.expected == (certificate.fingerprint,)
    assert caught.value.presented == other_certificate.fingerprint
    assert caught.value.node == "primary"


async def test_a_ca_vouches_for_chain_and_name(start, certificate, other_certificate):
    """With a CA the presented certificate must be vouched for, for this host."""
    appliance = await start()
    by_ca = appliance.access(fingerprint=None, ca=certificate.ca)
    assert await trusted_fingerprint(by_ca) == certificate.fingerprint
    with pytest.raises(ChangedIdentity, match=certificate.fingerprint):
        await trusted_fingerprint(appliance.access(fingerprint=None, ca=other_certificate.ca))
    renamed = dataclasses.replace(by_ca, host="prime.example", address="127.0.0.1")
    with pytest.raises(ChangedIdentity, match=r"prime\.example"):
        await trusted_fingerprint(renamed)


async def test_trust_without_a_reason_is_refused(start):
    """Neither a fingerprint nor a CA is no reason to trust anything."""
    appliance = await start()
    with pytest.raises(PermanentError, match="nothing says which web certificate"):
        await trusted_fingerprint(appliance.access(fingerprint=None))


async def test_an_unreachable_server_is_a_temporary_failure(start, unused_tcp_port_of):
    """A closed port names the node and what to look at."""
    appliance = await start()
    appliance.port = await unused_tcp_port_of()
    with pytest.raises(TemporaryError, match=r"primary: the web pages at .* cannot be reached"):
        await trusted_fingerprint(appliance.access())


@pytest.mark.browser
async def test_the_genuine_certificate_behind_anothers_lets_nobody_in(start, interceptor_certificate, certificate):
    """An interceptor that sends the pinned certificate along, after its own, gets no request.

    Chromium's list of trusted keys alone would let it in; this is what the relay is for.
    """
    genuine, intercepted = await start(), await start(served=interceptor_certificate)
    async with open_browser(intercepted.access().origin, node="primary", fingerprint=certificate.fingerprint) as opened:
        page = await opened.context.new_page()
        with pytest.raises(PlaywrightError):
            await page.goto(opened.origin)
        assert intercepted.requests == []
        assert isinstance(opened.relay.changed, ChangedIdentity)
    async with open_browser(genuine.access().origin, node="primary", fingerprint=certificate.fingerprint) as opened:
        page = await opened.context.new_page()
        await page.goto(opened.origin)
        assert genuine.requests[0] == "GET /"


@pytest.mark.browser
async def test_the_browser_reaches_nothing_but_the_appliance(start, certificate):
    """Neither another address, nor another port of the same host, nor a name resolves for the pages."""
    appliance, other = await start(), await start()
    async with open_browser(appliance.access().origin, node="primary", fingerprint=certificate.fingerprint) as opened:
        page = await opened.context.new_page()
        for url in (
            f"https://127.0.0.1:{other.port}/",
            f"https://localhost:{other.port}/",
            f"http://127.0.0.1:{appliance.port}/",
        ):
            with pytest.raises(PlaywrightError, match=r"ERR_BLOCKED_BY_CLIENT|ERR_NAME_NOT_RESOLVED"):
                await page.goto(url)
    assert other.requests == []


@pytest.mark.browser
async def test_a_host_is_reached_at_its_address(start, certificate):
    """The pages are asked for under the host's name, at the address the inventory gives."""
    appliance = await start()
    access = appliance.access(host="prime.example", address="127.0.0.1")
    async with open_browser(
        access.origin, node="primary", fingerprint=certificate.fingerprint, address=access.reached_at
    ) as opened:
        page = await opened.context.new_page()
        await page.goto(opened.origin)
        assert page.url.startswith("https://prime.example:")


@pytest.mark.browser
async def test_a_cancelled_run_leaves_no_browser(start, processes_below):
    """Cancelling in the middle of a wait ends every process that was started."""
    appliance = await start(login_page="<p>Loading</p>")
    before = processes_below()

    async def wait_forever() -> None:
        async with open_pages(appliance.access()):
            pytest.fail("there is no login form")

    task = asyncio.create_task(wait_forever())
    await _until(lambda: "GET /" in appliance.requests)
    assert processes_below() - before
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _until(lambda: not processes_below() - before)


@pytest.mark.browser
async def test_no_more_browsers_than_allowed(start, certificate, monkeypatch):
    """One that would be too many waits for another one's end."""
    origin, running, most = (await start()).access().origin, 0, 0

    async def use() -> None:
        nonlocal running, most
        async with open_browser(origin, node="primary", fingerprint=certificate.fingerprint) as opened:
            running += 1
            most = max(most, running)
            await opened.context.new_page()
            running -= 1

    monkeypatch.setenv("RETRUST_BROWSERS", "1")
    await asyncio.gather(use(), use(), use())
    assert most == 1
    monkeypatch.setenv("RETRUST_BROWSERS", "none")
    with pytest.raises(PermanentError, match="RETRUST_BROWSERS is 'none'"):
        await use()


async def _until(holds: Callable[[], object], limit: float = 20.0) -> None:
    end = monotonic() + limit
    while not holds():
        assert monotonic() < end, "it did not become so in time"
        await asyncio.sleep(0.05)


def environments_with(text: bytes) -> list[bytes]:
    """The environments of this machine's Chromium processes that hold a text."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        if b"--host-resolver-rules" in command and text in environment:
            found.append(environment)
    return found


@pytest.mark.browser
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
async def test_the_browser_gets_no_secret_of_our_environment(start, certificate, monkeypatch):
    """What a secret may be in does not travel into Chromium, and what it needs does."""
    monkeypatch.setenv("PI_PASSWORD_PLANTED", "pl4nted-in-this-test")
    monkeypatch.setenv("TZ", "UTC-planted0")
    appliance = await start()
    async with open_browser(appliance.access().origin, node="primary", fingerprint=certificate.fingerprint):
        assert environments_with(b"UTC-planted0")
        assert not environments_with(b"pl4nted-in-this-test")
