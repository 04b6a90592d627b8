"""Secrets do not come out again, in any form in which they commonly reappear."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from retrust.secrets.redaction import MASK, RedactingFilter, Redactor, redact_all_logs

SECRET = 'k3y/with "odd" & <signs>'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        SECRET.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;"),
        "\r\n".join((SECRET[:7], SECRET[7:])),
    ],
)
def test_every_common_form_is_masked(form: str) -> None:
    """Plain, URL, JSON and HTML forms are masked, also where a terminal wrapped them."""
    assert Redactor(SecretStr(SECRET)).redact(f"before {form} after") == f"before {MASK} after"


@pytest.mark.parametrize("user", ["a", "ab", "abc"])
def test_a_secret_inside_base64_is_masked_wherever_it_starts(user: str) -> None:
    """An HTTP Basic header holds the secret behind a user name of any length."""
    token = base64.b64encode(f"{user}:{SECRET}".encode()).decode()
    masked = Redactor(SECRET).redact(f"Basic {token}")
    assert MASK in masked
    assert len(masked) < 30


def test_a_short_secret_is_masked_as_a_whole_word_only() -> None:
    """A password of two letters must not make every text unreadable."""
    assert Redactor("ab").redact("ab: cable, ab") == f"{MASK}: cable, {MASK}"


def test_the_longest_secret_goes_first() -> None:
    """A secret that begins with another one leaves no tail."""
    assert Redactor("hunter2", "hunter2-and-more").redact("hunter2-and-more") == MASK


@pytest.mark.parametrize("nothing", ["", "  "])
def test_an_empty_secret_masks_nothing(nothing: str) -> None:
    """An unset password must not mask every gap."""
    assert Redactor(nothing).redact("a  b") == "a  b"


def test_a_redactor_does_not_show_what_it_knows() -> None:
    """Its own repr is not a leak."""
    assert SECRET not in repr(Redactor(SECRET))


@given(st.text(min_size=4).filter(str.strip), st.text(), st.text())
def test_no_secret_of_four_characters_survives(secret: str, before: str, after: str) -> None:
    """Whatever surrounds it, the plain secret is not in the result."""
    parts = Redactor(secret).redact(before + secret + after).split(MASK)
    assert len(parts) > 1
    assert not any(secret in part for part in parts)


def _log_from(name: str, caplog: pytest.LogCaptureFixture) -> str:
    log = logging.getLogger(name)
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("login with %s", SECRET)
    log.warning("%d args are wrong %s", SECRET)
    return "\n".join(caplog.handler.format(record) for record in caplog.records)


def test_all_loggers_are_masked(caplog: pytest.LogCaptureFixture) -> None:
    """Message, arguments and traceback of a logger that nobody knew, until it is undone."""
    undo = redact_all_logs(Redactor(SECRET))
    try:
        text = _log_from("somebody.elses", caplog)
    finally:
        undo()
    assert SECRET not in text
    assert text.count(MASK) == 3
    caplog.clear()
    logging.getLogger("somebody.elses").warning("plain %s", SECRET)
    assert SECRET in caplog.text


def test_a_handlers_filter_masks_extra_fields_too(caplog: pytest.LogCaptureFixture) -> None:
    """``extra=`` is added after a record is made; the filter on the handler sees it."""
    mask = RedactingFilter(Redactor(SECRET))
    caplog.handler.addFilter(mask)
    try:
        logging.getLogger("x").warning("hello", extra={"header": SECRET})
    finally:
        caplog.handler.removeFilter(mask)
    assert caplog.records[0].__dict__["header"] == MASK


def test_one_of_very_many_values_is_masked_as_one_of_few_is() -> None:
    """A thousand sites' secrets are looked up another way, and found all the same: whole, broken, encoded."""
    many = Redactor(*(f"pass word-{number:05}" for number in range(300)), "Zz9!")
    for number in (0, 299):
        assert many.redact(f"x pass word-{number:05} y") == f"x {MASK} y"
        assert MASK in many.redact(f"x pass wo\r\nrd-{number:05} y")
        assert MASK in many.redact(base64.b64encode(f"pass word-{number:05}".encode()).decode())
    assert many.redact("Zz9!") == MASK
    assert many.redact("x pass word-00300 y") == "x pass word-00300 y"
