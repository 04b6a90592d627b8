"""Reading a page as a browser would, where a test has only its text."""

from __future__ import annotations

import html
import re


def hidden_field(page: str, name: str) -> str:
    """A hidden field's value."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    if found is None:
        raise AssertionError(f"the page has no field {name}")
    return html.unescape(found[1])
