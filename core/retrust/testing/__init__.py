"""The testing kit, public like the hooks: real servers with scripted behaviour for the far side of things.

Each module holds one fake; its names are found here too, and are imported when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.testing.fakehost import FakeHost, Reply, host_key

__all__ = ["FakeHost", "Reply", "host_key"]

__getattr__ = lazily(__name__, fakehost="FakeHost Reply host_key")
