"""How the tests of the session reach a fake host."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from retrust.ssh import Dialect, SshAccess
from retrust.testing import FakeHost

PROMPT = re.compile(r"[\w.-]+/[\w.-]+(\(config[^)]*\))?# ?")


@pytest.fixture
def access_to() -> Callable[..., SshAccess]:
    """Access to a fake host as an inventory would name it, with changes."""

    def access(host: FakeHost, /, **changes: Any) -> SshAccess:
        given: dict[str, Any] = {
            "node": "primary",
            "address": host.address,
            "port": host.port,
            "username": "admin",
            "password": SecretStr(host.users["admin"]),
            "host_keys": host.fingerprints,
        }
        return SshAccess(**(given | changes))

    return access


@pytest.fixture
def ade_os() -> Dialect:
    """A prompt like the appliance's; questions are recognised sooner than they would be on a real one."""
    return Dialect(prompt=PROMPT, forbidden="?", question_quiet=0.3)
