"""Every way in which `deletecert` may go."""

from __future__ import annotations

import asyncio

import asyncssh
import pytest

from retrust_plugins.lab.settings import IseServersSettings


@pytest.fixture
async def quiet(start):
    """A lab whose nodes do not meet by themselves: what is gone stays gone until somebody connects."""
    return await start(health_interval=3600.0, ise_servers=IseServersSettings(interval=3600.0))


def _command(key: str) -> str:
    return f"ncs certvalidation tofu-certs deletecert host {key}"


@pytest.mark.parametrize(
    ("way", "says", "gone"),
    [
        ("chatty", "Deleted the certificate of host {key}\n", True),
        ("silent", "", True),
        ("no-effect", "Deleted the certificate of host {key}\n", False),
        ("fail", "% Error: Unable to delete the certificate\n", False),
    ],
)
async def test_answer_and_effect_are_two_things(quiet, log_in, way, says, gone):
    """What it says and what it does are set apart from each other."""
    quiet.primary.settings.store.deletecert = way
    key = quiet.secondary.key
    operator = await log_in(quiet.primary)
    assert await operator.delete(key) == says.format(key=key)
    assert (key not in quiet.primary.tofu.pins) is gone
    assert quiet.primary.deletes_sent(key) == 1


@pytest.mark.parametrize(("reply", "gone"), [("yes", True), ("no", False)])
async def test_confirmation(quiet, log_in, reply, gone):
    """Asked to confirm, only a yes deletes; what is neither is asked again."""
    quiet.primary.settings.store.deletecert = "confirm"
    key = quiet.secondary.key
    operator = await log_in(quiet.primary)
    operator.type(_command(key) + "\r")
    await operator.until("(yes/no) ? ")
    operator.type("hm\r")
    assert "ERROR : Please enter Yes or No" in await operator.until("(yes/no) ? ")
    operator.type(reply + "\r")
    await operator.until(operator.prompt)
    assert (key not in quiet.primary.tofu.pins) is gone


@pytest.mark.parametrize(("way", "gone"), [("drop-before", False), ("drop-after", True)])
async def test_session_drops(quiet, log_in, way, gone):
    """The session may drop before the delete took effect, or after."""
    quiet.primary.settings.store.deletecert = way
    key = quiet.secondary.key
    operator = await log_in(quiet.primary)
    operator.type(_command(key) + "\r")
    with pytest.raises((EOFError, asyncssh.ConnectionLost)):
        await operator.until(operator.prompt)
    assert (key not in quiet.primary.tofu.pins) is gone


async def test_answer_lost(quiet, log_in):
    """The delete took effect, and the session stays open without answer or prompt."""
    quiet.primary.settings.store.deletecert = "answer-lost"
    key = quiet.secondary.key
    operator = await log_in(quiet.primary)
    operator.type(_command(key) + "\r")
    await quiet.until(lambda: key not in quiet.primary.tofu.pins, "the pin is gone")
    assert (await operator.until("\r\n")).endswith(_command(key) + "\r\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await operator.process.stdout.read(1)


async def test_wrong_key(quiet, log_in):
    """A key that is not listed byte for byte is an error, and counted under what was sent."""
    operator = await log_in(quiet.primary)
    assert await operator.delete(quiet.secondary.host) == (
        f"% Error: No certificate found for host {quiet.secondary.host}\n"
    )
    assert quiet.primary.deletes_sent(quiet.secondary.key) == 0
    assert quiet.primary.deletes_sent(quiet.secondary.host) == 1


async def test_deleted_pin_is_made_anew_by_the_next_connection(lab, log_in):
    """In a lab whose nodes meet, a deleted entry comes back by itself."""
    operator = await log_in(lab.primary)
    told = []
    lab.on("pin", lambda node, key: told.append((node, key)))
    await operator.delete(lab.secondary.key)
    await lab.until(lambda: (lab.primary, lab.secondary.key) in told, "the secondary is pinned again")
    assert any(lab.secondary.key in pin for pin in await operator.pins())
