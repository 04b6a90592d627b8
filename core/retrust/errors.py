"""What can go wrong, as one tree; the class decides the exit code.

    RetrustError                     1  failed
    ├── InventoryError               2  a wrong inventory, with file, line and key
    ├── UsageError                   2  a wrong call
    ├── PluginError                  2  a plugin that cannot be loaded; nothing starts
    ├── PermanentError               1  trying again will not help: a refused password, a step without effect
    ├── TemporaryError               1  trying again later may help: unreachable, too slow
    │   └── LeaseHeld                1  another run works on this site
    ├── PersonNeeded                 3  a gate is shut, or a fact must come from a person
    │   └── CalledOff                3  somebody called the run off, between two writes
    └── Refused                      4  what was seen looks like an interception
        └── ChangedIdentity          4  a host key or web certificate is not the one in the inventory

Adapters (SSH, TLS, browser, database) translate foreign errors at their one boundary, ``from exc``.
"""

from __future__ import annotations


class RetrustError(Exception):
    """One sentence of what happened, where it happened, and what to do about it."""

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.hint})" if self.hint else text


class UsageError(RetrustError):
    exit_code = 2


class InventoryError(RetrustError):
    """A wrong inventory; ``problems`` names every place found, not only the first."""

    exit_code = 2

    def __init__(
        self, what: str, *, where: str | None = None, hint: str | None = None, problems: tuple[str, ...] = ()
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join((super().__str__(), *self.problems))


class PluginError(RetrustError):
    """A plugin that cannot be loaded; ``plugin`` is its name."""

    exit_code = 2

    def __init__(self, what: str, *, plugin: str, hint: str | None = None) -> None:
        super().__init__(what, where=f"plugin {plugin}", hint=hint)
        self.plugin = plugin


class PermanentError(RetrustError):
    """Trying the same again will not help."""


class TemporaryError(RetrustError):
    """Trying again later may help."""


class LeaseHeld(TemporaryError):
    """Another run holds the site's lease."""


class PersonNeeded(RetrustError):
    exit_code = 3


class CalledOff(PersonNeeded):
    """Somebody called this run off; the case stands, and waits for a person."""


class Refused(RetrustError):
    exit_code = 4


class ChangedIdentity(Refused):
    """A node presents another SSH host key or web certificate than the inventory names.

    ``kind`` is ``host key`` or ``web certificate``; the fingerprints are written as their kind is.
    """

    def __init__(
        self, kind: str, *, node: str, expected: tuple[str, ...], presented: str, hint: str | None = None
    ) -> None:
        super().__init__(
            f"the {kind} changed: expected {' or '.join(expected)}, presented {presented}",
            where=node,
            hint=hint or "compare it out of band; a renewal and an interception look the same from here",
        )
        self.kind = kind
        self.node = node
        self.expected = expected
        self.presented = presented
