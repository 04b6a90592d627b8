"""YAML text as plain values and places, with libyaml and without."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from retrust.inventory import document
from retrust.inventory.document import Document, dotted


@pytest.fixture(params=["libyaml", "python"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is where libyaml is there, and as it is where PyYAML has none."""
    if request.param == "libyaml":
        if not yaml.__with_libyaml__:
            pytest.skip("this PyYAML was built without libyaml")
        return document
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    spec = importlib.util.spec_from_file_location("document_without_libyaml", document.__file__)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


VALUES: list[tuple[str, Any]] = [
    ("true", True),
    ("false", False),
    ("True", "True"),
    ("yes", "yes"),
    ("on", "on"),
    ("null", None),
    ("~", None),
    ("", None),
    ("0", 0),
    ("-12", -12),
    ("+7", 7),
    ("0123", "0123"),
    ("0x1F", "0x1F"),
    ("1_000", "1_000"),
    ("9" * 30, "9" * 30),
    ("1.5", 1.5),
    (".5", 0.5),
    ("1.", "1."),
    ("1e3", "1e3"),
    (".inf", ".inf"),
    ("22:30", "22:30"),
    ("2024-01-01", "2024-01-01"),
    ("10.0.0.1", "10.0.0.1"),
    ("'1'", "1"),
    ('"true"', "true"),
    ("env:PW", "env:PW"),
    ("-", [None]),
    ("é", "é"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_plain_scalars(module: Any, text: str, value: Any) -> None:
    """Booleans are two words, numbers are plain decimal ones, everything else is text."""
    found = module.Document("f", f"k:\n  {text}\n")
    assert (found.data, found.faults) == ({"k": value}, [])
    assert type(found.data["k"]) is type(value)


def test_places(module: Any) -> None:
    """A place is the line of its key or list item; one that is not there is its nearest parent's."""
    found = module.Document("f", "a: &x\n  b:\n  - c: 1\n  -\n    d: 2\ne:\n  <<: *x\n  f: |\n    t\n    u\n")
    assert found.data == {"a": {"b": [{"c": 1}, {"d": 2}]}, "e": {"b": [{"c": 1}, {"d": 2}], "f": "t\nu\n"}}
    places = {
        (): 1,
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "b", 0, "c"): 3,
        ("a", "b", 1, "d"): 5,
        ("e",): 6,
        ("e", "f"): 8,
        ("e", "b", 1): 5,
    }
    assert {loc: found.locate(loc) for loc in places} == {loc: (line, loc) for loc, line in places.items()}
    assert found.locate(("a", "b", 7, "c")) == (2, ("a", "b"))
    assert found.locate(("a", "z", "y")) == (1, ("a",))
    assert found.where(("a", "b", 1, "d")) == "f:5: a.b[1].d"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\na: 2\n", 2),
        ("a: b: c\n", 1),
        ("é: 1\nü: \x07\n", 2),
        ("a: !x y\n", 1),
        ("a: *nothing\n", 1),
        ("a: [1\n", 2),
        ("---\na: 1\n---\n", 3),
        ("? [a]\n: b\n", 1),
        ("a: 'x\n", 2),
        ("\n\n%YAML\n", 3),
    ],
)
def test_faults(module: Any, text: str, line: int) -> None:
    """What is no inventory's YAML is one fault with its line, whichever parser found it."""
    found = module.Document("f", text)
    assert [fault[0] for fault in found.faults] == [line]


def test_no_duplicate_hides(module: Any) -> None:
    """Every duplicate is told, at any depth."""
    faults = module.Document("f", "a:\n  x: 1\n  x: 2\nb: {y: 1, y: 2, y: 3}\n").faults
    assert faults == [
        (3, "x is given twice, first in line 2"),
        (4, "y is given twice, first in line 4"),
        (4, "y is given twice, first in line 4"),
    ]


def test_dotted() -> None:
    """Keys are joined by dots, list positions stand in brackets."""
    assert dotted(("sites", "a", "ise", 0, "host")) == "sites.a.ise[0].host"
    assert dotted(()) == ""


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(_plain)
def test_what_yaml_dumps_is_read_back(value: Any) -> None:
    """Plain values that PyYAML writes are the values that are read, booleans and numbers quoted as it does."""
    found = Document("f", yaml.safe_dump(value))
    assert found.faults == []
    assert found.data == value
