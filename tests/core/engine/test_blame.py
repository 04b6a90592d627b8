"""Whose code failed, and where: told of a plugin by its modules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.engine import test_contracts
from retrust.engine.blame import raiser, told
from retrust.present.text import escaped

PLUGINS = {"retrust": "retrust.engine.builtin", "here": __name__, "beside": test_contracts.__name__}


def caught(call: Any, *arguments: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it raises
        call(*arguments)
    return caught.value


@pytest.mark.parametrize(
    ("call", "arguments", "whose"),
    [
        (lambda: int("x"), (), "here"),
        (json.loads, ("{",), "here"),
        (test_contracts.raising, (None,), "beside"),
        (escaped, (None,), "retrust"),
    ],
)
def test_the_last_line_that_has_an_owner_decides(call: Any, arguments: tuple[Any, ...], whose: str) -> None:
    """What a library raises is its caller's; what Retrust raises is its own, whoever called."""
    assert raiser(caught(call, *arguments), PLUGINS) == whose


def test_nobody_is_blamed_for_code_that_no_plugin_has() -> None:
    """Where no line belongs to any of them, nobody raised it."""
    assert raiser(caught(json.loads, "{"), {"elsewhere": "own_plugin"}) is None
    assert raiser(ValueError("never raised"), PLUGINS) is None


def test_the_error_is_one_line_with_its_place() -> None:
    """The first line of what it says, no control character, and the last line of that package."""
    said = told(caught(int, "\x1b[31m\n"), __name__)
    assert said.startswith("ValueError: invalid literal for int() with base 10: ")
    assert "\x1b" not in said
    assert f", at {__file__}:" in said
    assert told(KeyError(), "own_plugin") == "KeyError: it says no more"
