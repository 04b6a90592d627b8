"""Filling in forms that do not keep what is filled in, or have a field that comes late."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from retrust.errors import PermanentError
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.widgets import Form, Text

pytestmark = pytest.mark.browser

TEXTS = (
    Text("User", words.ISE_USER, "admin"),
    Text("Password", words.ISE_PASSWORD, SecretStr("pw-1")),
    Text("Again", words.ISE_PASSWORD_AGAIN, SecretStr("pw-1"), within=2),
)
FIELDS = "<p>User name <input id=user></p><p>Password <input id=pw type=password></p><p id=more></p>"
AGAIN = "Confirm password <input id=pw2 type=password>"


async def held(sheet):
    return await sheet.page.evaluate("[...document.querySelectorAll('input')].map((box) => box.value)")


async def test_what_a_page_loses_is_filled_in_again(sheet):
    """A page that clears one field when another is left, once, gets it again."""
    await sheet.show(
        f"{FIELDS}<script>pw.addEventListener('blur', () => {{ user.value = ''; }}, {{ once: true }})</script>"
    )
    await Form(sheet.view, sheet.session.dialogs).fill(*TEXTS)
    assert await held(sheet) == ["admin", "pw-1"]


async def test_a_field_that_comes_late(sheet):
    """A field that another one brings into view is filled in, too."""
    late = f"setTimeout(() => {{ if (!window.pw2) more.innerHTML = '{AGAIN}'; }}, 300)"
    await sheet.show(f"{FIELDS}<script>pw.addEventListener('change', () => {late})</script>")
    await Form(sheet.view, sheet.session.dialogs).fill(*TEXTS)
    assert await held(sheet) == ["admin", "pw-1", "pw-1"]


async def test_a_field_that_keeps_nothing_is_named(sheet):
    """It is tried a few times; the error holds no secret."""
    await sheet.show(f"{FIELDS}<script>pw.addEventListener('blur', () => {{ pw.value = ''; }})</script>")
    with pytest.raises(PermanentError, match="'Password' does not keep") as said:
        await Form(sheet.view, sheet.session.dialogs).fill(*TEXTS)
    assert "pw-1" not in str(said.value)


async def test_a_missing_field_is_named(sheet):
    """With what the page shows instead."""
    await sheet.show("<p>User name <input></p>")
    with pytest.raises(PermanentError, match="no field 'Password'; it shows: User name"):
        await Form(sheet.view, sheet.session.dialogs).fill(*TEXTS)
