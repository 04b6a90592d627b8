"""Structured logs: one JSON object a line, on stderr, without secrets."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from retrust.present.text import escaped, escaped_json
from retrust.secrets.redaction import RedactingFilter, Redactor, redact_all_logs

EXTRA = ("site", "case", "source", "outcome", "flow_run")
Form = Literal["json", "text"]


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: value for name in EXTRA if (value := getattr(record, name, None)) is not None}
        if record.exc_info or record.exc_text:
            told["error"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        return escaped_json(json.dumps(told, ensure_ascii=False))


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return escaped(super().format(record))


def log_to_stderr(redactor: Redactor, form: Form) -> Callable[[], None]:
    """Every logger's records from here on, masked; returns the undoing."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter() if form == "json" else TextFormatter("%(asctime)s %(levelname)-7s %(message)s")
    )
    handler.addFilter(RedactingFilter(redactor))
    root, level = logging.getLogger(), logging.getLogger().level
    unmask = redact_all_logs(redactor)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for noisy in ("httpx", "httpcore", "asyncssh", "watchfiles", "apprise", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

    def undo() -> None:
        root.removeHandler(handler)
        root.setLevel(level)
        unmask()

    return undo
