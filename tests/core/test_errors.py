"""What can go wrong, as one tree, and how an error reads."""

from __future__ import annotations

import inspect
import re

import pytest

from retrust import errors
from retrust.errors import ChangedIdentity, InventoryError, PluginError, RetrustError, TemporaryError

ROW = re.compile(r"^    (?P<indent>[│ ]*)(?:[├└]── )?(?P<name>\w+) +(?P<code>\d)  ", re.MULTILINE)


def test_the_documents_tree_is_the_codes() -> None:
    """The docstring shows each class below the one that it derives from, with its exit code."""
    above: list[str] = []
    drawn = {}
    for row in ROW.finditer(errors.__doc__ or ""):
        depth = 0 if row["name"] == "RetrustError" else 1 + len(row["indent"]) // 4
        drawn[row["name"]] = (above[depth - 1] if depth else "Exception", int(row["code"]))
        above[depth:] = [row["name"]]
    classes: list[tuple[str, type[RetrustError]]] = inspect.getmembers(errors, inspect.isclass)
    assert drawn == {name: (cls.__bases__[0].__name__, cls.exit_code) for name, cls in classes}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RetrustError("it broke"), "it broke"),
        (RetrustError("it broke", where="primary"), "primary: it broke"),
        (RetrustError("it broke", hint="mend it"), "it broke (mend it)"),
        (TemporaryError("it broke", where="primary", hint="mend it"), "primary: it broke (mend it)"),
        (PluginError("no hooks", plugin="mine"), "plugin mine: no hooks"),
        (InventoryError("2 problems", problems=("a: x", "b: y")), "2 problems\na: x\nb: y"),
    ],
)
def test_an_error_says_where_what_and_what_to_do(error: RetrustError, text: str) -> None:
    """In this order; what is not known is left out."""
    assert str(error) == text


def test_what_is_added_to_an_error_later_is_read() -> None:
    """A caller who knows more says so; the text is made when it is read."""
    error = RetrustError("it broke", where="primary")
    error.what += "; this run sent nothing"
    assert str(error) == "primary: it broke; this run sent nothing"


def test_a_changed_identity_has_both_fingerprints() -> None:
    """Each that is expected, the one that is presented, and that a renewal and an interception look the same."""
    error = ChangedIdentity("host key", node="primary", expected=("SHA256:a", "SHA256:b"), presented="SHA256:c")
    assert str(error).startswith("primary: the host key changed: expected SHA256:a or SHA256:b, presented SHA256:c (")
    assert "a renewal and an interception look the same" in str(error)
    assert (error.node, error.kind, error.presented) == ("primary", "host key", "SHA256:c")
