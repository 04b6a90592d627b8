"""An entry, and its body as stored text and as a model of the table of kinds.

A body is parsed when it is first read. A stored body without ``v`` is of version 1; ``OLDER`` has one function for
each shape that is not written any more. The chain's hash covers the stored text, so an old entry keeps verifying.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal

from retrust.ledger.canonical import written_time
from retrust.ledger.entries import KINDS, Body
from retrust.ledger.errors import LedgerError
from retrust.models import Frozen

Fields = dict[str, Any]


def _with_levels(fields: Fields) -> Fields:
    """Version 1 of sightings told no level; the source tells it."""

    def levelled(row: Fields) -> Fields:
        return row | {"level": "hint" if row["source"].startswith(ANYBODY) else "authenticated"}

    return fields | {"sightings": [levelled(row) for row in fields["sightings"]]}


ANYBODY: Final = ("syslog ", "Prefect event")
"""Sources that heard anybody, when entries told no level yet."""

OLDER: dict[tuple[str, int], Callable[[Fields], Fields]] = {
    ("decided", 1): dict,  # the same fields; what a signature is over has changed
    ("sighted", 1): _with_levels,
    ("sighting-assigned", 1): _with_levels,
    ("sighting-assigned", 2): lambda fields: fields | {"aggregates": [fields["aggregate"]]},  # one an entry
}
"""By kind and version: from that shape's fields to the next version's."""

_NAMES: Final = {row.model: kind for kind, row in KINDS.items()}


class Unknown(Body):
    """A kind of which this version knows nothing but its name."""


class Entry(Frozen):
    """One line of the record. ``hash`` covers everything else in it and the hash of the one before."""

    seq: int
    at: datetime
    actor: str
    run: str | None = None
    case: str | None = None
    site: str | None = None
    kind: str
    text: str
    prev_hash: str
    hash: str

    @cached_property
    def body(self) -> Body:
        try:
            return read(self.kind, self.text)
        except (ValueError, TypeError, AttributeError) as exc:
            said = str(exc).splitlines()[0]
            raise LedgerError(
                f"entry {self.seq} ({self.kind}) cannot be read: {said}",
                hint="`retrust audit verify` says whether it was changed",
            ) from exc

    @property
    def row(self) -> Fields:
        """The names and texts that are stored, and that the hash covers."""
        same = self.model_dump(exclude={"at", "case", "text"})
        return same | {"at": written_time(self.at), "case_id": self.case, "body": self.text}

    @property
    def stored(self) -> Fields:
        """The body's fields as they were written, for a record that must not be retold."""
        fields: Fields = json.loads(self.text)
        return fields

    @property
    def sightings(self) -> int:
        """How many a ``sighted`` entry counts, read as stored: a storm has thousands of them."""
        fields = self.stored
        return sum(row["count"] for row in fields["sightings"])

    @property
    def version(self) -> int:
        """Of the body's shape, as it was written."""
        return int(json.loads(self.text).get("v", 1))

    @property
    def line(self) -> str:
        """The entry in one line, of any kind."""
        return self.told("line") or self.kind.replace("-", " ")

    def told(self, view: Literal["line", "event", "notification", "note"]) -> str | None:
        """The entry in that view's words; None where the view does not show its kind."""
        row = KINDS.get(self.kind)
        template: str | None = getattr(row, view) if row else None
        return template.format(self.body) if template is not None else None


def kind_of(body: Body) -> str:
    """The name in the table; a model that has no row there cannot be written."""
    if type(body) not in _NAMES:
        raise TypeError(f"{type(body).__name__} is no kind of entry: give it a row in retrust.ledger.entries.KINDS")
    return _NAMES[type(body)]


def written(body: Body) -> Fields:
    """As stored; what a default says is left out."""
    left_out = {
        name
        for name, field in type(body).model_fields.items()
        if not field.is_required() and getattr(body, name) == field.default
    }
    fields = body.model_dump(mode="json", exclude=left_out)
    return fields if body.version == 1 else fields | {"v": body.version}


def read(kind: str, text: str) -> Body:
    """The body of stored text, whichever version wrote it; ValueError for one that does not hold its fields."""
    row, fields = KINDS.get(kind), json.loads(text)
    if row is None:
        return Unknown()
    version = fields.pop("v", 1)
    if version > row.model.version:
        raise ValueError(f"its shape is version {version}, this Retrust knows {row.model.version}; update it")
    for older in range(version, row.model.version):
        fields = OLDER[kind, older](fields)
    # Once a move could carry fields of anybody's own: they stay in the record and are not read.
    return row.model.model_validate({name: fields[name] for name in row.model.model_fields if name in fields})
