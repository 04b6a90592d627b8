"""What the ISE Servers page tells: whose a row is, which of it is the status, and what a line means. Pure."""

from __future__ import annotations

import re
from typing import Any

from retrust.models import Relation
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.tables import columns

HEALTHY = re.compile(r"^\W*(reachable|up|connected|active|online|ok|available|success(ful)?|in service|[✓✔])\W*$", re.I)
UNHEALTHY = re.compile(
    r"\b(un-?reachable|not ?-?(reachable|connected|active|available)|down|disconnected|"
    r"inactive|offline|"
    r"unavailable|fail(ed|ure)?|error|rejected|refused|out of service|authentication)\b",
    re.I,
)
STATUS_TITLES = tuple(
    re.compile(word, re.I) for word in (r"reachab", r"\bstatus\b", r"\bstate\b", r"\bconnect(ion|ivity|ed)?\W*$")
)
ADDRESS_TITLE = re.compile(r"\baddress\b|\bserver|\bhost|\bip\b|\bname\b|\bise\b", re.I)
OTHER_TITLE = re.compile(r"^\W*((ise )?(server )?(ip )?address|ise servers?|server|host|port|user( ?name)?)\W*$", re.I)
STATUS_SAID = re.compile(r"^(?:[\w ]*status|[\w ]*state|reachability)\s*[:=-]\s*(.+)$", re.I)
STATUS_LABEL = re.compile(r"^[\w ]*(status|state|reachability)\s*:?$", re.I)

ISE = re.compile(r"\bise\b|identity services", re.I)
ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
ABOUT_A_SERVER = re.compile(
    r"\bise\b|server|address|host|\bip\b|user|password|credential|connect|certificate|tofu|trust|exists?\b|duplicate|"
    r"invalid|required|match|\bsav|\badd|log ?-?in|authenti|\bport\b|this|timed? out",
    re.I,
)
OTHER_MATTERS = re.compile(
    r"\b(backup|restore|job|licen[cs]e|device|disk|memory|cpu|report|image|discovery|synchroni[sz]ation|"
    r"high availability|ha registration)\b",
    re.I,
)


def ise_relation(text: str | None, detail: str | None = None) -> Relation:
    """A displayed status as a relation; words that are not known mean neither."""
    if text is None:
        return Relation(status=None, healthy=None, detail=detail)
    if words.UNSETTLED.match(text) and text.casefold() != "unknown":
        return Relation(status=None, healthy=None, detail=f"not known yet: its status is {text!r}")
    healthy = False if UNHEALTHY.search(text) else True if HEALTHY.search(text) else None
    return Relation(status=text, healthy=healthy, detail=detail)


def host_pattern(host: str) -> re.Pattern[str]:
    """A server's address as it stands in a text, with a port or without; never a part of another address."""
    port = r"(?::\d{1,5})?" if ":" not in host else ""
    return re.compile(rf"(?<![\w.:-]){re.escape(host)}{port}(?![\w-]|:\S|\.\w)", re.IGNORECASE)


def is_refusal(line: str, host: str) -> bool:
    """Whether a line says trouble of this server; a notice of another address or another matter does not."""
    if not words.TROUBLE.search(words.NO_FAILURE.sub("", line)):
        return False
    if host_pattern(host).search(line) or (ISE.search(line) and not ADDRESS.search(line)):
        return True
    return not ADDRESS.search(line) and bool(ABOUT_A_SERVER.search(line)) and not OTHER_MATTERS.search(line)


def is_row_of(rows: list[dict[str, Any]], at: int, host: re.Pattern[str]) -> bool:
    """Whether a row is this server's: by a column of addresses or names, where titles tell one."""
    cells = rows[at]["cells"]
    if rows[at]["header"] or len(cells) < 2:
        return False
    named = columns(rows, at, ADDRESS_TITLE)
    return any(host.search(cells[i]) for i in named or range(len(cells)))


def table_status(rows: list[dict[str, Any]], at: int, host: re.Pattern[str]) -> str | None:
    """The status cell of a row: by its column's title, else by the words in it."""
    cells = rows[at]["cells"]
    for title in STATUS_TITLES:
        if found := columns(rows, at, title):
            return str(cells[found[0]])
    return _said_status(cells, host, guess=not columns(rows, at, OTHER_TITLE))


def boxed_status(one: dict[str, Any], host: re.Pattern[str]) -> str | None:
    """The status in a box of any markup: a label's own value, else by the words in it."""
    return (one["named"][0] or "") if one["named"] else _said_status(one["pieces"], host)


def _said_status(cells: list[str], host: re.Pattern[str], *, guess: bool = True) -> str | None:
    """A status without a title: ``Status: x``, a label and its value, or a cell of known words.

    The last cell is a guess, for where no titles tell that there is no column of states.
    """
    for at, cell in enumerate(cells):
        if said := STATUS_SAID.match(cell):
            return said.group(1)
        if STATUS_LABEL.match(cell):
            return cells[at + 1] if at + 1 < len(cells) else ""
    others = [cell for cell in cells if cell and not host.search(cell)]
    known = [cell for cell in others if HEALTHY.search(cell) or UNHEALTHY.search(cell)]
    worded = [cell for cell in others if not cell.isdecimal()] if guess else []
    return known[0] if known else (worded[-1] if worded else None)


def together(found: list[Relation]) -> Relation | None:
    """One relation of all rows for a host: as healthy as the worst of them."""
    if not found:
        return None
    worst = min(found, key=lambda r: {False: 0, None: 1, True: 2}[r.healthy])
    if len(found) == 1:
        return worst
    return Relation(
        status=worst.status,
        healthy=worst.healthy,
        detail=f"{len(found)} rows: {', '.join(r.status or '?' for r in found)}",
    )
