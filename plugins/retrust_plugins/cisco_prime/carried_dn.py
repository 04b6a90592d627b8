"""The DN of a mismatch's sentence where what carried the log has changed it.

It may stand on a later line after ``- ``; the lines may have prefixes, be wrapped, end in a JSON string's
quote, or hold their line ends as ``\\n`` or ``#012``. Loaded when such a sentence is met; the plain ones are
read in ``logged_dn``.
"""

from __future__ import annotations

import re

from retrust.signatures import CUT
from retrust_plugins.cisco_prime.plain_dn import match_plain

_CUT = CUT.encode()
_TYPE = (
    rb"(?i:CN|OU|O|L|ST|S|C|DC|UID|T|TITLE|STREET|SURNAME|SN|GIVENNAME|GN|INITIALS|SERIALNUMBER|E|"
    rb"EMAILADDRESS|DNQ|DNQUALIFIER|POSTALCODE|OID\.[0-9.]+|[0-9]+(?:\.[0-9]+)+)"
)
_START = rb"(?:/?" + _TYPE + rb" ?=)"
_VALUE = rb"(?:(?<==)\"(?:[^\"\\\n]|\\.)*\"|(?!\\{1,8}\")\\[^\n]|[^\"\\\r\n])*"

_SENTENCE_END = rb"\s*".join(re.escape(bytes([c])) for c in b"fromwhatwasusedearlier")
_WRAPPED = re.compile(
    rb"\s*" + _SENTENCE_END + rb"(?P<gap>\s*|(?:[^\n]{0,400}\n){1,4}?[^\n]{0,400}?(?<![\w-]))"
    rb"-(?:[ \t]+|\s*\n(?P<prefix>[^\n]{0,200}?)(?<!\w))(?P<dn>" + _START + _VALUE + rb")"
)
_OTHER = re.compile(rb"TOFU|Exception|rust-on-first|Check local|Caused by")
_RUN_ON = re.compile(
    rb"javax\.net\.ssl\..*|\s(?:at [\w$.]+\(|javax?\.|Caused by:|Check local trust|Trust-on-first|"
    rb"TOFU failed|\[system\]).*",
    re.DOTALL,
)

_STOP = re.compile(rb"\s*(?:javax?\.|at\s|Caused|\[|Check local|Current cert|Trust-on|TOFU|```|\d{2,4}[-/]|\Z)")
_GOES_ON = re.compile(rb"\s*(?:[,+=]|" + _START + rb")|.*,\s*" + _START, re.DOTALL)
_LINE = re.compile(rb"[ \t]*\r?\n(?P<line>[^\n]{0,400})")
_DIGITS = re.compile(rb"\d")

_WRITTEN_OUT = (
    rb"(?:\\0(?:12|15|11)|\\x0[9aAdD]|\^[IJM]|<0[9ADad]>|#x0[9ADad]|&#(?:9|1[03]|x[9aAdD]);|<br ?/?>"
    rb"|\xe2\x80\xa8|\xc2\x85)"
)
_END = re.compile(
    rb"#0(?:12|15|11)|" + _WRITTEN_OUT + rb"(?=(?:" + _WRITTEN_OUT + rb"|[ \t])*"
    rb"(?:javax?\.|Caused|\[|Check|Current|Trust|TOFU|-[ \t]|at\s|\.\.\.|\s*\Z))"
)
"""A line's end as a carrier writes it out; most of these are one only where the log goes on behind them."""
_HALF_AN_ESCAPE = re.compile(rb"(?:#(?:0[0-7]?)?|(?<!\\)\\(?:0[0-7]?)?)\Z")
"""An escaped line end, as rsyslog writes it, of which the end is missing."""
_UNFINISHED = re.compile(rb"(?:(?P<part>[,+=])|" + _HALF_AN_ESCAPE.pattern + rb")\Z")
_JSON_DEPTH = re.compile(
    rb"(?<!\\)(\\{1,8})[nr](?=(?:\\{1,8}[nrt]){0,8}"
    rb"(?:javax?\.|Caused|\[|Check|Current|Trust|TOFU|[ \t]*-[ \t]|\\{0,8}\"|\Z))"
    rb"|=(\\{1,8})\"|(?<!\\)(\\(?=[nr])|\\{1,8}(?=u[0-9A-Fa-f]{4}))"
)
"""Backslashes where only JSON puts them; their number says how many strings are inside one another."""
_JSON_ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_PLAIN_ESCAPES = {b"n": b"\n", b"r": b"", b"t": b"\t"}


def read_carried_dn(tail: bytes, column: int) -> tuple[bytes | None, int]:
    """The DN in ``tail``, which starts right after the anchor, and how many bytes the sentence took of it.

    ``column`` is where in its line the anchor ends, for lines that a terminal wrapped.
    """
    text = _with_line_ends(tail)
    plain = match_plain(text)
    if plain is not None:
        return plain[1], _raw_end(tail, plain[1])
    wrapped = _WRAPPED.match(text)
    if wrapped is None or _OTHER.search(wrapped["gap"]):
        return None, _first_line(tail)
    dn = _whole(wrapped, text, column)
    end = _raw_end(tail, dn)
    return _UNFINISHED.sub(lambda m: (m["part"] or b"") + _CUT, dn), end


def _whole(match: re.Match[bytes], text: bytes, column: int) -> bytes:
    """The DN with the lines that go on with it, as long as they show that they do."""
    dn, at = match["dn"].rstrip(b"\r"), match.end()
    prefix = _prefix(match)
    while (line := _LINE.match(text, at)) is not None:
        if dn.endswith(_CUT) or _HALF_AN_ESCAPE.search(dn):
            break
        rest = _without(prefix, line["line"].rstrip(b"\r"))
        open_ended = dn.rstrip().endswith((b",", b"+", b"=")) or _is_full(text[:at], column)
        if _STOP.match(rest) or not (open_ended or _GOES_ON.match(rest)):
            break
        dn, at = dn + rest, line.end()
    return _RUN_ON.sub(b"", dn).strip()


def _is_full(text: bytes, column: int) -> bool:
    """Whether the last line is as long as the one before it, as where a terminal cut both."""
    *before, last = text.split(b"\n")
    above = len(before[-1]) + (column if len(before) == 1 else 0) if before else 0
    return bool(last) and len(last) == above


def _prefix(match: re.Match[bytes]) -> bytes:
    """What stood before the text on the line where the DN starts, if that line had a prefix."""
    written = match["prefix"] if match["prefix"] is not None else match["gap"].rpartition(b"\n")[2]
    return _DIGITS.sub(b"0", written)


def _without(prefix: bytes, line: bytes) -> bytes:
    """``line`` less a prefix that differs in digits only, as the time in it does."""
    return line[len(prefix) :] if prefix and _DIGITS.sub(b"0", line[: len(prefix)]) == prefix else line


def _with_line_ends(tail: bytes) -> bytes:
    """``tail`` with escaped line ends made real, as often as they were escaped."""
    tail = _END.sub(b"\n", tail)
    escaped = _JSON_DEPTH.search(tail)
    if escaped is not None:
        for _ in range(len(escaped[1] or escaped[2] or escaped[3]).bit_length()):
            tail = _JSON_ESCAPE.sub(_unescaped, tail)
    return tail


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return chr(int(match[1], 16)).encode(errors="replace")
    return _PLAIN_ESCAPES.get(match[2], match[2])


def _first_line(tail: bytes) -> int:
    end = tail.find(b"\n")
    return len(tail) if end < 0 else end


def _raw_end(tail: bytes, dn: bytes) -> int:
    """Where the DN's last word ends in the raw bytes."""
    word = dn.split()[-1][-8:]
    at = tail.find(word, max(0, len(dn) - len(word)))
    return _first_line(tail) if at < 0 else at + len(word)
