"""The Cisco Prime pages, driven in a real browser by label text, role and visible words only.

``open_pages`` logs in and gives ``Pages``: the HA mode, registering HA, an ISE server's status, adding one.

    asks        what is asked and what comes back          words      every word that is looked for
    trust       the certificate, before a browser starts   words.js   how a page is looked at
    view        looking at all frames                      reading.js how values are read from it
    tables      columns by their titles                    widgets    filling in forms
    interstitials, dialogs, login, menu, session           ha, readiness, milestones, ise, ise_rows: the pages

Playwright is imported only when ``open_pages`` is. A person who does the same by hand is ``operator``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily
from retrust_plugins.cisco_prime.browser.asks import (
    BrowserSettings,
    HaOutcome,
    HaRequest,
    IseRequest,
    WebAccess,
)

if TYPE_CHECKING:
    from retrust_plugins.cisco_prime.browser.pages import Pages, open_pages

__all__ = ["BrowserSettings", "HaOutcome", "HaRequest", "IseRequest", "Pages", "WebAccess", "open_pages"]

__getattr__ = lazily(__name__, pages="Pages open_pages")
