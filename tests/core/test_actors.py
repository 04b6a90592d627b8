"""Who acts: names of one person are one, and an account shows nobody."""

from __future__ import annotations

import pytest

from retrust.actors import UNKNOWN, account, person_key, same_person


@pytest.mark.parametrize("other", ["person:ann", "Ann", "person:ANN", " ann ", "person: ann", "ａｎｎ", "Person:Ann"])
def test_one_person_is_one_however_their_name_is_written(other: str) -> None:
    """Case, blanks, wide letters and the word before the name tell nobody apart."""
    assert same_person("ann", other)
    assert person_key(other) == "ann"


@pytest.mark.parametrize("other", ["anne", "service:ann", "source:ann", UNKNOWN, ""])
def test_others_are_not_taken_for_them(other: str) -> None:
    """A source or service of that name is another actor."""
    assert not same_person("person:ann", other)


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"SUDO_USER": "ann", "USER": "root", "LOGNAME": "root"}, "person:ann"),
        ({"USER": "ann", "LOGNAME": "ben"}, "person:ann"),
        ({"LOGNAME": "ann"}, "person:ann"),
    ],
)
def test_an_account_is_labelled_by_its_name(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    """Whoever uses `sudo` keeps their own; the first name that is there counts."""
    set_only(monkeypatch, **variables)
    assert account() == name


def test_an_account_without_a_name_has_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user need not have one; the label is never empty."""
    set_only(monkeypatch)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert account() == "person:uid-4711"
    monkeypatch.delattr("os.getuid")
    assert account() == f"person:{UNKNOWN}"


def set_only(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in ("SUDO_USER", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
