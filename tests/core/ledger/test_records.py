"""What the ledger hands out beside its entries."""

from __future__ import annotations

import re

import pytest

from retrust.ledger import Case
from retrust.ledger.records import CASE_ID, case_name
from retrust.states import FINAL, State
from retrust.testing.ledgers import NOON, SITE


def case(**changes: object) -> Case:
    told = {"id": "c7", "site": SITE, "state": State.OPEN, "cause": "x", "requested_by": "service"}
    return Case.model_validate(told | {"opened_at": NOON, "updated_at": NOON} | changes)


@pytest.mark.parametrize(
    ("site", "name"),
    [("campus", "campus-3"), ("hq 2/ä", "hq-2-ä-3"), ("../x", "x-3"), ("..", "site-3"), ("", "site-3")],
)
def test_a_case_is_named_by_its_site_and_a_number(site: str, name: str) -> None:
    """Whatever the site is called, the name can stand in an address and be a file's."""
    assert case_name(site, 3) == name
    assert re.fullmatch(CASE_ID, name)


def test_the_entry_that_opened_a_case_is_not_shown() -> None:
    """It leads to the case's story, and is no part of what people and programs are told."""
    opened = case(first_entry=7)
    assert opened.first_entry == 7
    assert "first_entry" not in opened.model_dump()


@pytest.mark.parametrize("state", State)
def test_a_case_is_open_until_its_end(state: State) -> None:
    """A failed one as well: a later pass takes it up."""
    assert case(state=state).is_open is (state not in FINAL)
    assert case(state=State.FAILED).is_open
