"""From pydantic's errors to sentences, each with the key it is about."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from retrust.errors import InventoryError
from retrust.inventory.document import Document
from retrust.inventory.problems import close, parse_part, placed, raise_problems, validated

SECRET = "Hunter2Hunter2"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    host: str = "a"
    port: int = Field(default=1, ge=1, le=9, strict=True)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = "a"
    few: tuple[Inner, ...] = Field(default=(Inner(),), min_length=1)
    inner: Inner | None = None
    by_name: dict[str, Inner] = {}
    way: Literal["up", "down"] = "up"
    rate: float = 1.0
    on: bool = Field(default=True, strict=True)
    text: str = Field(default="x", min_length=1)
    called: str = Field(default="x", alias="from")


def said(data: dict[str, Any]) -> list[str]:
    problems: list[Any] = []
    validated(Outer, data, (), {}, problems)
    return placed(problems, None)


SENTENCES = [
    ({"nam": "x"}, ["nam: unknown key; did you mean name?"]),
    ({"form": "x"}, ["form: unknown key; did you mean from?"]),
    ({"inner": {"hots": "x"}}, ["inner.hots: unknown key; did you mean host?"]),
    ({"few": [{"prot": 1}]}, ["few[0].prot: unknown key; did you mean port?"]),
    ({"by_name": {"a": {"prt": 1}}}, ["by_name.a.prt: unknown key; did you mean port?"]),
    ({"way": "left"}, ["way: must be up or down"]),
    ({"inner": {"port": 0}}, ["inner.port: must be at least 1"]),
    ({"inner": {"port": 10}}, ["inner.port: must be at most 9"]),
    ({"inner": {"port": "5"}}, ["inner.port: must be a number: leave out the quotes"]),
    ({"inner": {"port": "five"}}, ["inner.port: must be a whole number"]),
    ({"on": "no"}, ["on: must be true or false: other words, and words in quotes, are text"]),
    ({"on": 7}, ["on: must be true or false"]),
    ({"name": 7}, ["name: must be text: put it in quotes"]),
    ({"name": ["x"]}, ["name: must be text, not a list"]),
    ({"name": {"x": 1}}, ["name: must be text, not a mapping"]),
    ({"name": None}, ["name: is empty: give a value, or leave the key out"]),
    ({"text": ""}, ["text: must not be empty"]),
    ({"few": []}, ["few: must name at least one"]),
    ({"few": {}}, ["few: must be a list"]),
    ({"inner": [1]}, ["inner: must be a mapping of keys"]),
    ({"few": [{"port": 0}]}, ["few[0].port: must be at least 1"]),
]


@pytest.mark.parametrize(("data", "sentences"), SENTENCES)
def test_each_kind_of_error_is_one_plain_sentence(data: dict[str, Any], sentences: list[str]) -> None:
    """With the dotted path of its key; an unknown key with the known one that is near."""
    assert said(data) == sentences


@pytest.mark.parametrize("key", ["name", "few", "inner", "by_name", "way", "rate", "on", "text", "from"])
@pytest.mark.parametrize("value", [SECRET, [SECRET], {SECRET: SECRET}, {"host": [SECRET], "port": SECRET}])
def test_no_sentence_quotes_a_value(key: str, value: Any) -> None:
    """A secret may stand in a wrong place; the sentence says what must stand there."""
    found = "; ".join(said({key: value})).replace(f"{key}.{SECRET}", "")
    assert SECRET not in found


def test_a_word_that_is_near_nothing_gets_no_advice() -> None:
    """A wrong guess would mislead."""
    assert close("colour", ["host", "port"]) == ""
    assert close(2024, ["host", "port"]) == ""
    assert close("hosst", ["host", "port"]) == "; did you mean host?"


def test_problems_stand_in_the_order_of_the_text() -> None:
    """Whatever the order in which they were found; what is missing is told at the line of what lacks it."""
    document = Document("x.yaml", "a:\n  one: 1\nb:\n  two: 2\n")
    found = [(("b", "two"), "is wrong"), (("a", "one"), "is wrong"), (("a", "three"), "is missing")]
    assert placed(found, document) == [
        "x.yaml:1: a: three is missing",
        "x.yaml:2: a.one: is wrong",
        "x.yaml:4: b.two: is wrong",
    ]


def test_all_problems_are_one_error_that_counts_them() -> None:
    """The same line twice is told once; without a problem nothing is raised."""
    raise_problems("x.yaml", [])
    with pytest.raises(InventoryError, match=r"^a problem in the inventory x.yaml\n1: a$"):
        raise_problems("x.yaml", ["1: a"])
    with pytest.raises(InventoryError) as caught:
        raise_problems("x.yaml", ["1: a", "2: b", "1: a"])
    assert caught.value.problems == ("1: a", "2: b")


def test_a_plugins_part_is_read_as_every_other() -> None:
    """What is right is a value of its model; what is wrong names the file of the inventory."""
    assert parse_part(Inner, {"host": "b"}, ("x",), None, {}) == Inner(host="b")
    with pytest.raises(InventoryError, match=r"inventory retrust.yaml\nx\[0\].port: must be at least 1"):
        parse_part(Inner, {"port": 0}, ("x", 0), None, {})
