"""Reading ``ncs certvalidation tofu-certs listcerts``: a node's text to pins.

What is printed around the pins (prompts, the header, blank lines) is skipped; a line that looks like a pin
and cannot be read is handed back, so that nobody plans over half a list. Subjects are compared in
``retrust.dn``; what a pin's key names in the inventory is the target's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retrust.models import Pin

TERMINAL_WIDTH = 80
USUAL_WIDTHS = (80, 100, 120, 132)
"""At which an appliance wraps that does not heed the width it was asked for."""

_LINE_END = re.compile(r"\r*\n")
_PIN_START = re.compile(r"\s*host\s*=", re.IGNORECASE)
_PIN = re.compile(r"\s*host\s*=\s*(?P<key>[^;]*[^;\s])\s*;\s*subject\s*=(?P<subject>.*)",
                  re.IGNORECASE | re.DOTALL)
_PROMPT = re.compile(r"[\w.-]+/[\w.-]+(\([\w-]+\))?#")
_KEY = re.compile(r"(?P<host>.*\S)[_ ](?P<port>[0-9]{1,5})", re.DOTALL)


@dataclass(frozen=True)
class Listing:
    """The pins in listed order, and the lines that look like pins and could not be read."""

    pins: tuple[Pin, ...]
    unread: tuple[str, ...] = ()


def read_listing(text: str, holder: str, *, width: int = TERMINAL_WIDTH) -> Listing:
    """Pins of ``holder``. ``width`` is what the terminal was asked for; lines are wrapped there or at a usual one."""
    pins, unread = [], []
    for line in _unwrapped(_LINE_END.split(text), width):
        if not _PIN_START.match(line):
            continue
        pin = _read_pin(line, holder)
        if pin is None:
            unread.append(line)
        else:
            pins.append(pin)
    return Listing(tuple(pins), tuple(unread))


def split_key(key: str) -> tuple[str, int] | None:
    """Host and port, split at the last ``_`` (Cisco's own text once prints a blank there), or None."""
    match = _KEY.fullmatch(key)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        return None
    host = match["host"]
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host, int(match["port"])


def _read_pin(line: str, holder: str) -> Pin | None:
    match = _PIN.fullmatch(line)
    if match is None or not match["subject"].strip() or split_key(match["key"]) is None:
        return None
    return Pin(holder=holder, key=match["key"], subject=match["subject"].strip(), line=line)


def _unwrapped(physical: Iterable[str], width: int) -> Iterator[str]:
    """Lines with the terminal's wrapping undone: only where the longest fills the width, this one or a usual one."""
    lines = list(physical)
    longest = max(map(len, lines), default=0)
    if longest not in (width, *USUAL_WIDTHS):
        yield from lines
        return
    whole = ""
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        whole += line
        if len(line) < longest or not _PIN_START.match(whole) or not _continues(after):
            yield whole
            whole = ""


def _continues(after: str) -> bool:
    return bool(after.strip()) and not _PIN_START.match(after) and not _PROMPT.match(after)
