"""What can go wrong in an SSH session, beyond the tree in ``retrust.errors``.

PermanentError
├── PasswordRefused      tried once, never again by itself
├── CommandNotAllowed    nothing was sent
├── UnexpectedQuestion   the session was ended, the question left unanswered
└── ChannelsForbidden    the node opens no channel to other addresses
TemporaryError
├── SessionLost          ended in the middle of a command: observe whether it took effect
└── SlowAnswer           no prompt within the limit: observe whether it took effect
"""

from __future__ import annotations

from retrust.errors import PermanentError, TemporaryError


class PasswordRefused(PermanentError):
    """``username`` could not log in; no second try was made."""

    def __init__(self, what: str, *, node: str, username: str, hint: str | None = None) -> None:
        super().__init__(
            what,
            where=node,
            hint=hint or "tried once; check it before another run, failed logins can lock the account",
        )
        self.node = node
        self.username = username


class CommandNotAllowed(PermanentError):
    """The session class refused ``command``; nothing of it was sent."""

    def __init__(self, what: str, *, node: str, command: str) -> None:
        super().__init__(what, where=node, hint="nothing was sent")
        self.node = node
        self.command = command


class UnexpectedQuestion(PermanentError):
    """``question`` is quoted; ``command`` is None before the first prompt.

    ``stalled`` where the line is neither a known prompt nor looks like a question, and nothing followed it.
    """

    def __init__(self, question: str, *, node: str, command: str | None, stalled: bool = False) -> None:
        who = repr(command) if command else "the login"
        what = "stopped at a line that is no known prompt" if stalled else "asked an unexpected question"
        super().__init__(
            f"{who} {what}: {question!r}",
            where=node,
            hint="not answered, and the session was ended; answer it by hand, then run again",
        )
        self.node = node
        self.command = command
        self.question = question


class ChannelsForbidden(PermanentError):
    """The node does not open channels through itself; no evidence, and not a fault."""


class SessionLost(TemporaryError):
    """``command`` may have taken effect or not; ``seen`` is what came before the end."""

    def __init__(self, what: str, *, node: str, command: str | None = None, seen: str = "") -> None:
        hint = "observe whether it took effect" if command else "try again later"
        super().__init__(what, where=node, hint=hint)
        self.node = node
        self.command = command
        self.seen = seen


class SlowAnswer(TemporaryError):
    """``command`` (None before the first prompt) is still at work, or hangs; ``seen`` are the last lines."""

    def __init__(self, what: str, *, node: str, command: str | None, seen: str) -> None:
        super().__init__(what, where=node, hint="raise the time limit, or look at the node")
        self.node = node
        self.command = command
        self.seen = seen
