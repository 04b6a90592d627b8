"""Reading ``ncs certvalidation tofu-certs listcerts``: a node's text to pins.

Every line must be understood: an entry, the header and its relatives, a rule of dashes, a prompt. Any other
is handed back as unread, and then the text is not recognised as a list, so that nobody acts on a failure or
on half a list. Lines that the terminal broke are joined only where nothing can have been lost. Subjects are
compared in ``retrust.x509.dn``; what a pin's key names in the inventory is the target's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from retrust.models import Pin

TERMINAL_WIDTH = 80
USUAL_WIDTHS = (60, 72, 79, 80, 100, 120, 132, 160)
"""At which an appliance wraps that does not heed the width it was asked for."""

_PIN_START = re.compile(r"\s*host\s*=", re.IGNORECASE)
_PIN = re.compile(r"\s*host\s*=(?P<key>[^;]*);\s*subject\s*=(?P<subject>.*)", re.IGNORECASE | re.DOTALL)
_PROMPT = re.compile(r"[\w.-]+/[\w.@\\-]+(\([\w-]+\))?#(?!\S)")
_KEY = re.compile(r"(?P<host>.*\S)[_ ](?P<port>[0-9]{1,5})", re.DOTALL)
_ECHO = re.compile(rf"\s*{_PROMPT.pattern}.*listcerts\s*")
_RULE = re.compile(r"[-=_*+~`\s]*")
_COUNT = re.compile(
    r"(?:total|number|count)[\w -]*[:=]\s*(\d+)\.?|(\d+) (?:host )?(?:entr|cert|host)\w*\.?", re.IGNORECASE
)
_CERTIFICATES = re.compile(r"certificat|\bcerts?\b", re.IGNORECASE)
_LIST = re.compile(r"\blist|first[\s-]*(?:connection|use)|\btofu\b", re.IGNORECASE)
_HEADING = re.compile(
    r"certificat|\bcerts?\b|\blist|\btofu\b|\btrust|\bhosts?\b|\bsubject\b|\bentr(?:y|ies)\b|\bstore\b", re.IGNORECASE
)
_DOUBT = re.compile(
    r"%|\^|exception|error|fail|unable|\bcan ?not|could ?n|denied|refus|reject|invalid|incomplete|unknown|unavailab"
    r"|unreach|\bno\b|\bnone\b|\bnot\b|n't\b|time[ds]?.?out|\blost\b|warn|\bwait|\bbeing\b|busy|later\b|retry|\bagain\b"
    r"|lock|build|initiali|start|stop|shut|\bdown\b|truncat|partial|interrupt|abort|terminat|expire|permi|authori"
    r"|caused by|\bat [\w.$]+\(|\.java\b",
    re.IGNORECASE,
)
"""Words of failures, and of states that pass; no header holds them."""
_FAILURE = re.compile(r"exception|caused by|\bat [\w.$]+\(|unable to|\berror\b|^\s*[%^]", re.IGNORECASE)


@dataclass(frozen=True)
class Listing:
    """The pins in listed order, and the lines that could not be read. ``header`` is whether one was seen."""

    pins: tuple[Pin, ...]
    unread: tuple[str, ...] = ()
    header: bool = False

    @property
    def recognised(self) -> bool:
        """Whether the text is a list; one of blank lines alone is not known to be."""
        return not self.unread and bool(self.pins or self.header)


def read_listing(text: str, holder: str, *, width: int = TERMINAL_WIDTH) -> Listing:
    """Pins of ``holder``. ``width`` is what the terminal was asked for; lines are wrapped there or at a usual one."""
    pins: list[Pin] = []
    unread: list[str] = []
    around: list[str] = []
    *ended, last = text.split("\n")
    lines = [*(line.rstrip("\r") for line in ended), last]
    typed = max((n for n, line in enumerate(lines, start=1) if _ECHO.fullmatch(line)), default=0)
    for line in _unwrapped(lines[typed:], width):
        if not _PIN_START.match(line):
            around.append(f"\0{line}" if pins else line)
            continue
        around.append("")
        if (pin := _read_pin(line, holder)) is None:
            unread.append(line)
        else:
            pins.append(pin)
    header = False
    for paragraph in _paragraphs(around):
        is_header, is_heading = _judge(paragraph, len(pins))
        header = header or is_header
        if not is_header and not (is_heading and (pins or header)):
            unread += [line.lstrip("\0") for line in paragraph]
    return Listing(tuple(pins), tuple(unread), header)


def split_key(key: str) -> tuple[str, int] | None:
    """Host and port, split at the last ``_`` (Cisco's own text once prints a blank there), or None."""
    match = _KEY.fullmatch(key)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        return None
    host = match["host"]
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host, int(match["port"])


def _read_pin(line: str, holder: str) -> Pin | None:
    match = _PIN.fullmatch(line)
    key, subject = (match["key"].strip(), match["subject"].strip()) if match else ("", "")
    if not subject or split_key(key) is None:
        return None
    return Pin(holder=holder, key=key, subject=subject, line=line)


# -- what stands around the entries ---------------------------------------------------------------


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    """Runs of lines with words in them; blank lines, rules and prompts part them. ``\\0`` marks one after an entry."""
    run: list[str] = []
    for line in [*lines, ""]:
        plain = line.lstrip("\0")
        if _RULE.fullmatch(plain) or _PROMPT.match(plain):
            if run:
                yield run
            run = []
        else:
            run.append(line)


def _judge(paragraph: Sequence[str], count: int) -> tuple[bool, bool]:
    """Whether it is the header, and whether it is another heading or a right count, which do no harm to a list."""
    readings = [joint.join(line.strip("\0 \t\r") for line in paragraph) for joint in ("", " ")]
    if said := _COUNT.fullmatch(readings[1]):
        return False, int(said[1] or said[2]) == count
    if paragraph[0].startswith("\0") or any(_DOUBT.search(reading) for reading in readings):
        return False, False
    return (
        any(_CERTIFICATES.search(reading) and _LIST.search(reading) for reading in readings),
        any(_HEADING.search(reading) for reading in readings),
    )


# -- lines that the terminal broke ----------------------------------------------------------------


def _unwrapped(physical: Iterable[str], width: int) -> Iterator[str]:
    """Lines with the terminal's wrapping undone, where it is one: each broken line is exactly as wide as the widest.

    That width must be the one asked for or a usual one, or a line must be broken inside a key. Otherwise the
    lines may have been broken at blanks, and nobody can tell what stood between them: they stay apart, and
    what continues an entry is then not understood.
    """
    lines = list(physical)
    longest = max(map(len, lines), default=0)
    broken = [
        (line, after)
        for line, after in pairwise(lines)
        if len(line) == longest and _PIN_START.match(line) and _continues(after)
    ]
    if longest not in (width, *USUAL_WIDTHS) and not any(_is_cut_in_key(*pair) for pair in broken):
        yield from lines
        return
    whole = ""
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        whole += line
        if len(line) < longest or not _PIN_START.match(whole) or not _continues(after):
            yield whole
            whole = ""


def _is_cut_in_key(line: str, after: str) -> bool:
    """A key holds no blank, so nothing stood where it was cut."""
    return bool(re.fullmatch(r"host=[^\s;]+", line)) and bool(re.match(r"[^\s;]+;", after))


def _continues(after: str) -> bool:
    plain = after.strip()
    return (
        bool(plain)
        and not any(rule.match(plain) for rule in (_PIN_START, _PROMPT, _DOUBT))
        and not (_FAILURE.search(plain) or _COUNT.fullmatch(plain))
    )
