"""Dialogs over the pages, drawn and native: what informs is closed, what asks for more is quoted."""

from __future__ import annotations

import pytest

from retrust.errors import PermanentError

pytestmark = pytest.mark.browser


async def test_notices_of_the_login_are_closed_and_questions_are_not(sheet):
    """A Continue that ends nobody's session is pressed; a question of the work stays; no session of another ends."""

    def drawn(text):
        return (
            f"<div role=dialog><p>{text}</p><button onclick='this.parentNode.remove()'>Continue</button>"
            "<button>Log out</button></div>"
        )

    dialogs = sheet.session.dialogs
    for notice in ("Another session is active for root from 192.0.2.7.", "Your password will expire in 3 days."):
        await sheet.show(drawn(notice))
        await dialogs.dismiss_notices()
        assert await dialogs.seen() == []
    await sheet.show(drawn("Do you want to proceed with HA registration?"))
    await dialogs.dismiss_notices()
    assert len(await dialogs.seen()) == 1
    await sheet.show(drawn("Another session is active. If you continue, it will be terminated."))
    with pytest.raises(PermanentError, match=r"unexpected question: .*it will be terminated"):
        await dialogs.dismiss_notices()


async def test_a_native_question_of_the_login(sheet):
    """The same, in the browser's own dialogs."""
    sheet.view.opened.context.on("dialog", sheet.session.dialogs.native)
    assert await sheet.page.evaluate("confirm('Another session is active from 192.0.2.7. Continue?')")
    sheet.session.dialogs.check()
    assert not await sheet.page.evaluate("confirm('Do you want to terminate the other session?')")
    with pytest.raises(PermanentError, match="terminate the other session"):
        sheet.session.dialogs.check()
