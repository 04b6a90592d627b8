"""The conformance suite finds what a target gets wrong; that it passes right ones is the targets' own tests' part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from retrust.target import Connection
from retrust.testing.conformance import TargetConformance


class Good(Connection):
    """As much as a connection must have, and a name of its own."""

    reopened = 0

    async def list_pins(self) -> Any: ...
    async def relations(self, *, pages: bool) -> Any: ...
    async def tunnel(self, node: str, endpoint: Any) -> Any: ...
    async def observe(self, step: Any, *, sent: bool) -> Any: ...
    async def send(self, step: Any, before_send: Any) -> None: ...


class Misspelled(Good):
    async def prepares(self, steps: Any) -> None: ...


class SetLater(Good):
    def __init__(self) -> None:
        self.setle = None


class NotAsync(Good):
    def settle(self) -> str | None: ...  # type: ignore[override]


class OtherParameters(Good):
    async def provoke(self, pin: Any, again: bool) -> Any: ...  # type: ignore[override]


async def checked(connection: Connection) -> None:
    @asynccontextmanager
    async def connect(*, read_only: bool) -> AsyncIterator[Connection]:
        yield connection

    await TargetConformance().test_connection_keeps_its_contract(SimpleNamespace(connect=connect))


async def test_what_a_connection_adds_is_its_own() -> None:
    """Names that are like none of the contract's pass."""
    await checked(Good())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            Misspelled(),
            r"it has 'prepares', which nobody asks for \(did you mean 'prepare'\?\); expected `async def prep",
        ),
        (
            SetLater(),
            r"it has 'setle', which nobody asks for \(did you mean 'settle'\?\); expected `async def settle\(",
        ),
        (NotAsync(), r"its settle\(\) must be async; expected `async def settle\(self\) -> str \| None`"),
        (OtherParameters(), r"its provoke.* takes other parameters; expected `async def provoke\(self, pin: Pin\)"),
    ],
)
async def test_a_slip_in_an_optional_method_is_found(wrong: Connection, said: str) -> None:
    """An optional method that is misspelled, not async or takes other parameters is found before a run."""
    with pytest.raises(AssertionError, match=f"^{type(wrong).__name__}: {said}"):
        await checked(wrong)
