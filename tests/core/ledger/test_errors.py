"""What the ledger refuses: one tree, and each refusal says what happened, where, and what to do."""

from __future__ import annotations

import re

import pytest

from retrust.errors import RetrustError
from retrust.ledger import LeaseOwner, errors
from retrust.testing.ledgers import NOON


def drawn() -> dict[str, str | None]:
    """Each class of the docstring's tree, with the one above it."""
    parents: dict[str, str | None] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ([ │├└─]*)(\w+)(?:  |$)", line):
            above = [*above[: len(found[1]) // 4], found[2]]
            parents[found[2]] = above[-2] if len(above) > 1 else None
    return parents


def test_the_drawn_tree_is_the_true_one() -> None:
    """Every class is in the docstring's tree, below the class that it derives from."""
    tree = drawn()
    mine = {name for name, found in vars(errors).items() if getattr(found, "__module__", "") == errors.__name__}
    assert mine <= set(tree)
    for name, parent in tree.items():
        bases = [base.__name__ for base in getattr(errors, name).__bases__]
        assert bases == [parent or "RetrustError"], name


OWNER = LeaseOwner(
    owner="cli:root", place="alpha, process 7", run=None, what="a run", since=NOON, expires_at=NOON, token=3
)
REFUSALS = [
    (errors.LeaseLost("campus", 3, "it ran out"), "site campus", "nothing more is sent"),
    (errors.SiteLeased("campus", OWNER), "site campus", "wait for it to end"),
    (errors.StillSending("campus", "delete-1", NOON), "site campus", "run again after 12:00:00 UTC"),
    (errors.Stopped("c7", "cancelled"), "case c7", "retrust show c7"),
    (errors.NewerSchema("ledger.db", "9", "3"), "ledger.db", "use the newer Retrust"),
    (errors.NotJoined("ledger.db", "SHA256:x", "ff"), "ledger.db", "retrust audit join ff"),
    (errors.DigestUsed("d1", "c7", "c3"), "case c7", "make a new plan"),
    (errors.NotCurrent("c7", "d1", None), "case c7", "look at the case again"),
]


@pytest.mark.parametrize(("error", "where", "what_to_do"), REFUSALS, ids=lambda value: type(value).__name__)
def test_a_refusal_says_where_and_what_to_do(error: RetrustError, where: str, what_to_do: str) -> None:
    """In one line."""
    assert error.where == where
    assert what_to_do in (error.hint or "")
    assert str(error) == f"{where}: {error.what} ({error.hint})"
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("CAMPUS-1", "campus-1"),
        ("1", "campus-1 or hq-1"),
        ("campsu-2", "campus-2"),
        ("7", "c7"),
        ("nobody", None),
    ],
)
def test_a_mistyped_case_is_guessed(typed: str, meant: str | None) -> None:
    """Where a case is nearly called so, the refusal asks whether it was meant."""
    hint = errors.NoSuchCase(typed, ["campus-1", "hq-1", "campus-2", "c7"]).hint or ""
    assert hint == "`retrust cases` lists them" + (f"; did you mean {meant}?" if meant else "")
