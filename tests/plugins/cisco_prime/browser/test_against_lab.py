"""The pages of the lab, which were written by others from the same reference and share no code."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import SecretStr

from retrust.errors import PermanentError
from retrust_plugins.cisco_prime.browser import HaRequest, IseRequest, WebAccess, open_pages
from retrust_plugins.lab import Lab, LabSettings, PageSettings

pytestmark = pytest.mark.browser

VARIANTS = {
    "default": PageSettings(),
    "other": PageSettings(
        menu="hover",
        ha_entries="tabs",
        failover="select",
        readiness_first="refused",
        ise_labels=("Server", "Username", "Password", "Confirm password"),
        ise_port_field=False,
        ise_buttons="link",
        label_mark=":",
    ),
}


def lab_settings(pages: PageSettings | None = None) -> LabSettings:
    settings = LabSettings(start="fresh")
    settings.primary.pages = pages or PageSettings()
    return settings


def web_access(lab: Lab) -> WebAccess:
    node = lab.primary
    return WebAccess(
        node="primary",
        host=node.host,
        port=node.web.port,
        username=node.web_username,
        password=SecretStr(node.web_password),
        fingerprint=node.web_fingerprint,
    )


def ha_request(lab: Lab) -> HaRequest:
    return HaRequest(lab.secondary.host, SecretStr(lab.authentication_key), ("noc@example.com",))


@pytest.mark.parametrize("variant", VARIANTS)
async def test_registers_and_adds_in_the_lab(variant, quick):
    """From a fresh pair to a healthy one, through the lab's pages, however they look."""
    async with Lab(lab_settings(VARIANTS[variant])) as lab:
        told = []
        ise = lab.ise[0]
        async with open_pages(web_access(lab), settings=quick, progress=told.append) as pages:
            assert (await pages.ha_mode()).status == "HA Not Configured"
            outcome = await pages.register_ha(ha_request(lab))
            assert await pages.ise_status(ise.host) is None
            added = await pages.add_ise(IseRequest(ise.host, ise.username, SecretStr(ise.password), ise.port))
        assert outcome.mode.status == "Primary Active"
        assert outcome.readiness
        assert added.status is not None
        await lab.until(lambda: lab.healthy, "the lab is healthy")
        assert any(p.what in ("Pre-HA Registration", "Database Replication") for p in told)
        assert lab.primary.web_logins == 1


async def test_a_failing_health_monitor_check_stops_before_register(quick):
    """What the lab's readiness check refuses is quoted, with what to do about it."""
    settings = lab_settings()
    settings.ha.failing_checks = ("HEALTH MONITOR STATUS",)
    async with Lab(settings) as lab, open_pages(web_access(lab), settings=quick) as pages:
        with pytest.raises(PermanentError, match=r"HEALTH MONITOR STATUS \| Fail.*trust between the nodes"):
            await pages.register_ha(ha_request(lab))
        assert lab.primary.ha.mode == "HA Not Configured"


async def test_a_failing_milestone_of_the_lab_is_named(quick):
    """A registration that fails in the lab names the milestone and quotes the page."""
    settings = lab_settings()
    settings.ha.fails_at = "Database Replication"
    async with Lab(settings) as lab, open_pages(web_access(lab), settings=quick) as pages:
        with pytest.raises(PermanentError, match=r"failed in Database Replication.*Registration failed"):
            await pages.register_ha(ha_request(lab))


async def test_a_session_that_ends_at_the_press_is_observed(quick):
    """Register is never pressed twice: the mode is read after a new login; a later ask registers, once."""
    settings = lab_settings(PageSettings(ends_session=("register",)))
    settings.ha.registration_time = 8.0
    async with Lab(settings) as lab:
        limits = dataclasses.replace(
            quick, stalled=6, reload=0.3
        )  # below the time of the registration, which is followed
        async with open_pages(web_access(lab), settings=limits) as pages:
            with pytest.raises(PermanentError, match=r"session .* ended when Register was pressed.*HA Not Configured"):
                await pages.register_ha(ha_request(lab))
            assert lab.primary.ha.registrations == 0
            assert (await pages.register_ha(ha_request(lab))).mode.healthy
        assert lab.primary.ha.registrations == 1


@pytest.mark.parametrize(
    ("asks", "said"), [("ends-session", "session will be terminated"), ("change-password", "password has expired")]
)
async def test_what_a_login_asks_for_beyond_a_notice_is_quoted(asks, said, quick):
    """Nobody's session is ended, and no password is changed."""
    async with Lab(lab_settings(PageSettings(after_login=asks))) as lab:
        with pytest.raises(PermanentError, match=rf"after the login the pages ask for .*{said}"):
            async with open_pages(web_access(lab), settings=quick):
                pytest.fail("it was passed")
        assert lab.primary.web_answers == []
