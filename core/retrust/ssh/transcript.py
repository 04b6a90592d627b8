"""What was said in a session, with every known secret masked before it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from retrust.secrets.redaction import Redactor

Direction = Literal["sent", "received", "note"]
_ARROWS = {"sent": ">", "received": "<", "note": "="}


@dataclass(frozen=True)
class Said:
    """``note`` is our own remark: a login, a question that was answered, why a session ended."""

    at: datetime
    node: str
    direction: Direction
    text: str


class Transcript:
    """Append-only, for one or several nodes. Text comes in whole answers, so that no secret is cut in two."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        self.redactor = redactor if redactor is not None else Redactor()
        self._said: list[Said] = []

    def add(self, node: str, direction: Direction, text: str) -> None:
        self._said.append(Said(datetime.now(UTC), node, direction, self.redactor.redact(text)))

    def redact(self, text: str) -> str:
        return self.redactor.redact(text)

    def __iter__(self) -> Iterator[Said]:
        return iter(tuple(self._said))

    def __len__(self) -> int:
        return len(self._said)

    def __str__(self) -> str:
        """For a file: each line with time, node and direction; redacted anew, for late secrets."""
        return "".join(
            f"{said.at:%Y-%m-%dT%H:%M:%S.%fZ} {said.node} {_ARROWS[said.direction]} {line}\n"
            for said in self._said
            for line in self.redactor.redact(said.text).splitlines() or [""]
        )
