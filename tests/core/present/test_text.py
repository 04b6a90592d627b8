"""Texts from anywhere never steer a terminal."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust.cli.output import paint, shown
from retrust.present.text import escaped, escaped_json


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    """Tab and line feed are all that is left of the control characters, and ordinary text stays as it is."""
    told = escaped(text)
    assert not [c for c in told if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\t\n"]
    assert told == text or len(told) > len(text)


@given(st.text())
def test_json_says_the_same(text: str) -> None:
    """A document without control characters is read as what was written."""
    document = json.dumps({"said": text}, ensure_ascii=False)
    assert json.loads(escaped_json(document)) == {"said": text}
    assert "\x9b" not in escaped_json(document)


def test_our_own_colours_are_shown_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a painted text is coloured; an escape sequence inside it is written out."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert shown(paint("a\x1b[31mb", "green")) == "\x1b[32ma\\x1b[31mb\x1b[0m"
    assert shown("turned \u202e round\r") == "turned \\u202e round\\x0d"
