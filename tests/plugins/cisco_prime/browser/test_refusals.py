"""What must stop the work, and what the error must say; each on real pages in a real browser."""

from __future__ import annotations

import dataclasses
import struct
import zlib

import pytest
from pydantic import SecretStr

from retrust.errors import PermanentError, TemporaryError
from retrust_plugins.cisco_prime.browser import open_pages

pytestmark = pytest.mark.browser
MASKED = (255, 0, 255)  # the colour Playwright covers with


async def test_a_wrong_password_is_tried_once(start, quick, tmp_path, caplog):
    """One POST, an error that names node and user, a picture, and the password nowhere."""
    caplog.set_level("DEBUG")
    appliance = await start()
    access = appliance.access(password=SecretStr("not-the-one"))
    with pytest.raises(PermanentError) as caught:
        async with open_pages(access, settings=quick, shots=tmp_path):
            pytest.fail("the login was believed")
    assert [path for path, _ in appliance.posts] == ["/j_check"]
    text = str(caught.value)
    assert "primary: the web login of 'root' was refused" in text
    assert "Invalid username or password" in text
    assert "not-the-one" not in text + caplog.text + repr(access)
    assert [str(path) for path in tmp_path.iterdir()] == [text.rsplit("picture: ", 1)[1].rstrip(")")]


async def test_a_closed_login_page_is_quoted(start, quick):
    """A session limit or maintenance ends with the page's own words."""
    appliance = await start(login_page="<h1>Maximum number of sessions exceeded for this user.</h1>")
    with pytest.raises(TemporaryError, match="Maximum number of sessions exceeded"):
        async with open_pages(appliance.access(), settings=quick):
            pytest.fail("logged in")


async def test_a_failed_readiness_check_stops_before_register(start, quick, ha_request):
    """The failed row is quoted with what to do, and Register is never pressed."""
    appliance = await start("divs", failing_check="HEALTH MONITOR STATUS", popups=False)
    async with open_pages(appliance.access(), settings=quick) as pages:
        with pytest.raises(PermanentError, match=r"readiness failed: HEALTH MONITOR STATUS \| .*pins of both nodes"):
            await pages.register_ha(ha_request)
    assert "/api/register" not in [path for path, _ in appliance.posts]


@pytest.mark.parametrize(("at", "skin"), [(0, "native"), (1, "dojo"), (2, "divs")])
async def test_a_failed_milestone_is_named(at, skin, start, quick, ha_request):
    """The milestone, how far it came, and the page's text are in the error."""
    appliance = await start(skin, failing_milestone=at, popups=False)
    name = ("Pre-HA Registration", "Database Replication", "Post HA Registration")[at]
    async with open_pages(appliance.access(), settings=quick) as pages:
        with pytest.raises(PermanentError, match=rf"failed in {name}.*the secondary server rejected"):
            await pages.register_ha(ha_request)


async def test_a_stuck_registration_is_temporary(start, quick, ha_request):
    """No progress within the limit says where it stands, and that it may still go on."""
    appliance = await start("native", stuck_milestone=1, popups=False)
    settings = dataclasses.replace(quick, stalled=4)
    async with open_pages(appliance.access(), settings=settings) as pages:
        with pytest.raises(TemporaryError, match=r"stuck.*Database Replication 50 %.*HA Initializing"):
            await pages.register_ha(ha_request)


@pytest.mark.parametrize("skin", ["native", "dojo"])
async def test_an_unexpected_question_is_quoted_and_not_answered_yes(skin, start, quick, ha_request):
    """A question beyond registering, native or drawn, ends the work."""
    question = "The secondary server is registered with another primary. Remove it and register?"
    appliance = await start(skin, question=question, popups=False)
    async with open_pages(appliance.access(), settings=quick) as pages:
        with pytest.raises(PermanentError, match=r"unexpected question: .*registered with another primary"):
            await pages.register_ha(ha_request)
    assert "/api/register" not in [path for path, _ in appliance.posts]


async def test_an_unlisted_mode_is_quoted_verbatim(start, quick):
    """A mode that nobody knows is reported as it stands, and means neither."""
    appliance = await start("native", mode="Primary Awaiting Quorum (2)", popups=False)
    async with open_pages(appliance.access(), settings=quick) as pages:
        relation = await pages.ha_mode()
    assert (relation.status, relation.healthy) == ("Primary Awaiting Quorum (2)", None)


async def test_what_before_send_raises_stops_before_register(start, quick, ha_request):
    """The caller's last look can still stop the send."""
    appliance = await start("native", popups=False)

    async def lost() -> None:
        raise TemporaryError("the lease is gone")

    async with open_pages(appliance.access(), settings=quick) as pages:
        with pytest.raises(TemporaryError, match="the lease is gone"):
            await pages.register_ha(ha_request, before_send=lost)
    assert "/api/register" not in [path for path, _ in appliance.posts]


@pytest.mark.parametrize("skin", ["legacy", "dojo"])
async def test_an_ise_add_that_is_refused_is_quoted(skin, start, quick, ise_request, tmp_path):
    """A refusal because the entry exists says so, with the entry's status, and no secret is told."""
    appliance = await start(
        skin,
        popups=False,
        ise_refusal="ISE server 10.0.0.21 already exists.",
        ise=[
            {"host": "10.0.0.210", "port": "443", "status": "Reachable"},
            {"host": "10.0.0.21", "port": "443", "status": "Unreachable"},
        ],
    )
    async with open_pages(appliance.access(), settings=quick, shots=tmp_path) as pages:
        status = await pages.ise_status("10.0.0.21")
        with pytest.raises(PermanentError) as caught:
            await pages.add_ise(ise_request)
    assert (status.status, status.healthy) == ("Unreachable", False)
    assert "already exists" in str(caught.value)
    assert "listed before as 'Unreachable'" in str(caught.value)
    assert ise_request.password.get_secret_value() not in str(caught.value)


async def test_a_missing_menu_entry_says_what_there_is(start, quick):
    """Where a menu leads nowhere, the error lists what could be pressed."""
    appliance = await start("nomenu", popups=False)
    with pytest.raises(PermanentError, match=r"no menu named Administration is shown; there is: .*My Reports"):
        async with open_pages(appliance.access(), settings=quick):
            pytest.fail("there is no menu")


async def test_pictures_cover_what_a_secret_was_filled_into(start, quick, ha_request, tmp_path):
    """Also a key field that shows its text is covered."""
    appliance = await start("legacy", popups=False, failing_check="CPU COUNT")
    async with open_pages(appliance.access(), settings=quick, shots=tmp_path) as pages:
        with pytest.raises(PermanentError, match="picture: "):
            await pages.register_ha(ha_request)
        field = pages._view.secret_fields[-1]
        box = await field.bounding_box()
    assert box is not None
    pixels = _pixels(next(tmp_path.glob("*failed-register-ha*.png")).read_bytes())
    x, y, right, bottom = (int(v) for v in (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]))
    assert {pixels[row][column] for row in range(y + 3, bottom - 3) for column in range(x + 3, right - 3)} == {MASKED}


def _pixels(png: bytes) -> list[list[tuple[int, ...]]]:
    """The pixels of a PNG as browsers write it: eight bits, no interlacing."""
    width, height, _, colour = struct.unpack(">IIBB", png[16:26])
    deep, data, at = (4 if colour == 6 else 3), b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    raw, above, rows = zlib.decompress(data), [0] * width * deep, []
    for y in range(height):
        start = y * (width * deep + 1)
        above = _unfiltered(raw[start], raw[start + 1 : start + 1 + width * deep], above, deep)
        rows.append([tuple(above[i : i + 3]) for i in range(0, width * deep, deep)])
    return rows


def _unfiltered(kind: int, line: bytes, above: list[int], deep: int) -> list[int]:
    out: list[int] = []
    for i, value in enumerate(line):
        left, up, corner = (out[i - deep], above[i], above[i - deep]) if i >= deep else (0, above[i], 0)
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda v: abs(guess - v))
        out.append((value + (0, left, up, (left + up) // 2, nearest)[kind]) & 255)
    return out
