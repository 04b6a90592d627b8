"""SSH to a node: one verified connection, interactive shells that are driven by their prompt, channels.

    access = SshAccess(node="primary", address="10.0.0.11", username="admin", password=SecretStr("…"),
                       host_keys=("SHA256:…",))
    async with connect(access) as connection:
        async with connection.shell(dialect, allowed=("show version",)) as shell:
            print(await shell.run("show version"))

``access`` says how a node is reached, ``dialect`` how its command line talks; ``hostkeys`` and ``login``
verify and log in, ``terminal`` reads a screen (pure), ``shell`` holds the conversation, ``transcript``
keeps what was said. What commands mean is the target plugin's part. Importing this package does not
import asyncssh; ``connect`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily
from retrust.ssh.access import SshAccess
from retrust.ssh.dialect import Dialect, LoginAnswer
from retrust.ssh.errors import (
    ChannelsForbidden,
    CommandNotAllowed,
    PasswordRefused,
    SessionLost,
    SlowAnswer,
    UnexpectedQuestion,
)
from retrust.ssh.transcript import Said, Transcript

if TYPE_CHECKING:
    from retrust.ssh.connection import Connection, connect
    from retrust.ssh.login import log_in
    from retrust.ssh.shell import Shell

__all__ = [
    "ChannelsForbidden",
    "CommandNotAllowed",
    "Connection",
    "Dialect",
    "LoginAnswer",
    "PasswordRefused",
    "Said",
    "SessionLost",
    "Shell",
    "SlowAnswer",
    "SshAccess",
    "Transcript",
    "UnexpectedQuestion",
    "connect",
    "log_in",
]

__getattr__ = lazily(__name__, connection="Connection connect", login="log_in", shell="Shell")  # noqa: S604 - a module
