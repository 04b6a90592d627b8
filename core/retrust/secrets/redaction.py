"""Keeping secrets out of logs, transcripts and errors.

A ``Redactor`` learns secret values when they are read and masks them, also in the forms in which they
commonly reappear: Base64, URL, JSON and HTML. Where secrets come from is ``retrust.secrets.stores``.
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
_SHORT = 4  # below this a value stands inside ordinary words; only the exact token is masked
_MANY = 200  # values from which on they are looked up by their beginnings
_FRAGMENT = 8  # a shorter piece of Base64 would be found by chance


class Redactor:
    """Masks every value it was told of, also where a terminal broke it over lines.

    The work grows with the text alone: values are looked for in the text without its blanks, and what is found
    is held against the gaps that were there.
    """

    def __init__(self, *values: SecretStr | str) -> None:
        self._forms: dict[str, set[frozenset[int]]] = {}
        self._by_start: dict[str, list[str]] = {}
        self._tokens: dict[str, re.Pattern[str]] = {}
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
            self._tokens[plain] = re.compile(rf"(?<!\w){re.escape(plain)}(?!\w)")
            return
        for form in _forms(plain):
            bare = "".join(form.split())
            if bare not in self._forms:
                self._by_start.setdefault(bare[:_SHORT], []).append(bare)
            self._forms.setdefault(bare, set()).add(_blanks_of(form))

    def redact(self, text: str) -> str:
        spans = [match.span() for pattern in self._tokens.values() for match in pattern.finditer(text)]
        bare = "".join(text.split())
        if candidates := self._in(bare):
            placed = _Placed(text, bare)
            spans += (span for form in candidates for span in placed.spans(form, self._forms[form]))
        return _masked(text, sorted(spans))

    def _in(self, bare: str) -> list[str]:
        """The values that a text without blanks holds; looked up by their beginnings where they are many."""
        if len(self._forms) < _MANY:
            return [form for form in self._forms if form in bare]
        starts = self._by_start.keys() & {
            bare[at : at + length]
            for length in {len(s) for s in self._by_start}
            for at in range(len(bare) - length + 1)
        }
        return [form for start in starts for form in self._by_start[start] if form in bare]


class _Placed:
    """A text without its blanks, and where each of its characters stood."""

    def __init__(self, text: str, bare: str) -> None:
        self._bare = bare
        self._places = [at for at, character in enumerate(text) if not character.isspace()]
        # What stood before each character: "" for nothing, else blanks, as far as it matters which.
        self._gaps = [
            "" if here == before + 1 else "\n" if _breaks(text[before + 1 : here]) else " "
            for before, here in zip([-1, *self._places], self._places, strict=False)
        ]

    def spans(self, form: str, blanks: set[frozenset[int]]) -> Iterator[tuple[int, int]]:
        """Where the form stands: a line may break in it anywhere, a blank stands only where it has one."""
        at = self._bare.find(form)
        while at >= 0:
            gaps = self._gaps[at + 1 : at + len(form)]
            fits = any(
                all(gap == "\n" or bool(gap) is (number in own) for number, gap in enumerate(gaps, 1)) for own in blanks
            )
            if fits:
                yield self._places[at], self._places[at + len(form) - 1] + 1
            at = self._bare.find(form, at + (len(form) if fits else 1))


def _breaks(gap: str) -> bool:
    return "\n" in gap or "\r" in gap


def _blanks_of(form: str) -> frozenset[int]:
    """Before which of its other characters the form has blanks of its own."""
    places = [at for at, character in enumerate(form) if not character.isspace()]
    return frozenset(n for n in range(1, len(places)) if places[n] != places[n - 1] + 1)


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with a mask for each span; what overlaps has one together."""
    parts, done = [], 0
    for start, end in spans:
        if start >= done:
            parts += [text[done:start], MASK]
        done = max(done, end)
    return "".join([*parts, text[done:]])


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
