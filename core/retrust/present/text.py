"""Texts from anywhere, as a terminal or a log may be given them: control characters are written out.

Certificates, logs, listings and packs come from others. A terminal obeys escape sequences in them, and a reader is
misled by characters that turn the direction of writing.
"""

from __future__ import annotations

import re

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str) -> str:
    """``text`` with each control character but tab and line feed as ``\\x1b`` or ``\\u202e``."""
    return _STEERING.sub(_written_out, text)


def escaped_json(text: str) -> str:
    """A JSON document that still says the same, without the control characters that JSON allows."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
