"""Keeping secrets out of logs, transcripts and errors.

A ``Redactor`` learns secret values when they are read and masks them, also in the forms in which they
commonly reappear: Base64, URL, JSON and HTML. Where secrets come from is ``retrust.secrets``.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

MASK = "••••••"
_SHORT = 4        # below this a value stands inside ordinary words; only the exact token is masked
_MANY = 200       # values from which on they are looked up by their beginnings
_FRAGMENT = 8     # a shorter piece of Base64 would be found by chance
_BREAKS = r"(?:\s*[\r\n]+\s*)?"  # a terminal that wraps may break a secret anywhere


class Redactor:
    """Masks every value it was told of; the longest first, so that no tail of a secret is left."""

    def __init__(self, *values: SecretStr | str) -> None:
        self._forms: set[str] = set()
        self._tokens: set[str] = set()
        self._bare = _Bare()
        self._pattern: re.Pattern[str] | None = None
        for value in values:
            self.add(value)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._forms) + len(self._tokens)} forms>"

    def add(self, value: SecretStr | str) -> None:
        """Mask this value from now on; an empty one has nothing to hide."""
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not plain.strip():
            return
        if len(plain) < _SHORT:
            self._tokens.add(plain)
            self._bare.add(plain)
        else:
            for form in _forms(plain):
                self._forms.add(form)
                self._bare.add(form)
        self._pattern = None

    def redact(self, text: str) -> str:
        if not self._bare.may_be_in(text):  # the pattern is a hundred times slower
            return text
        if self._pattern is None:
            self._pattern = self._compile()
        return self._pattern.sub(MASK, text)

    def _compile(self) -> re.Pattern[str]:
        forms = [_BREAKS.join(map(re.escape, form)) for form in _longest_first(self._forms)]
        tokens = [rf"(?<!\w){re.escape(token)}(?!\w)" for token in _longest_first(self._tokens)]
        return re.compile("|".join(forms + tokens))


class _Bare:
    """Values without their blanks, and whether a text may hold one, wherever it breaks lines.

    Looked up by their beginnings where they are many, as in a check of a thousand sites: that takes a time
    that grows with the text alone.
    """

    def __init__(self) -> None:
        self._values: dict[str, None] = {}
        self._by_start: dict[str, list[str]] = {}
        self._shorter: list[str] = []

    def add(self, value: str) -> None:
        bare = "".join(value.split())
        if bare in self._values:
            return
        self._values[bare] = None
        if len(bare) < _SHORT:
            self._shorter.append(bare)
        else:
            self._by_start.setdefault(bare[:_SHORT], []).append(bare)

    def may_be_in(self, text: str) -> bool:
        bare = "".join(text.split())
        if len(self._values) < _MANY:
            return any(value in bare for value in self._values)
        starts = self._by_start.keys() & {bare[at:at + _SHORT] for at in range(len(bare) - _SHORT + 1)}
        return (any(value in bare for value in self._shorter)
                or any(value in bare for start in starts for value in self._by_start[start]))


def _longest_first(values: set[str]) -> list[str]:
    return sorted(values, key=lambda value: (-len(value), value))


def _forms(plain: str) -> Iterator[str]:
    yield plain
    yield from (quote(plain, safe=""), quote(plain), quote_plus(plain))
    yield from (json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1])
    yield from (html.escape(plain), repr(plain)[1:-1])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield from _base64(plain.encode(), encode)


def _base64(data: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """The characters that ``data`` alone decides, for its three possible places in a longer text."""
    for offset in range(3):
        text = encode(bytes(offset) + data).decode().rstrip("=")
        start = (0, 2, 3)[offset]
        end = len(text) if (offset + len(data)) % 3 == 0 else len(text) - 1
        if end - start >= _FRAGMENT:
            yield text[start:end]


class RedactingFilter(logging.Filter):
    """Masks a record's message, traceback and extra texts; put on a handler, it covers what passes there."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        redact = self._redactor.redact
        record.msg, record.args = redact(_message(record)), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        for name, value in record.__dict__.items():
            if isinstance(value, str):
                record.__dict__[name] = redact(value)
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a wrong format string must not leak its arguments' owner
        return f"{record.msg} {record.args!r}"


def redact_all_logs(redactor: Redactor) -> Callable[[], None]:
    """Mask every record that any logger makes from now on, whatever handlers there are; returns the undoing.

    A filter on a logger does not see its children's records, so this works where records are made.
    Fields of ``extra=`` are added later than that: handlers that print them need the filter as well.
    """
    make, mask = logging.getLogRecordFactory(), RedactingFilter(redactor)

    def masked(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        mask.filter(record)
        return record

    logging.setLogRecordFactory(masked)

    def undo() -> None:
        if logging.getLogRecordFactory() is masked:
            logging.setLogRecordFactory(make)

    return undo
