"""Chromium that reaches one server, with one certificate, and nothing else.

chromium   started for one node of a site     relay     the only way out that it has
                                          changes   what its pages do, without asking them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.browser.chromium import PinnedBrowser, chromium_version, open_browser

__all__ = ["PinnedBrowser", "chromium_version", "open_browser"]

__getattr__ = lazily(
    __name__,
    chromium="PinnedBrowser chromium_version open_browser",
)
