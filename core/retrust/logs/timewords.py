"""Names in times: months in the languages that Java's default formatter writes, halves of a day, zones.

A zone's name that more than one zone bears (CST, IST, BST) is ``UNKNOWN``: hours lie between its meanings.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, timedelta, timezone, tzinfo
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo


class Unknown(Enum):
    ZONE = "a zone that is not known"


UNKNOWN = Unknown.ZONE

_MONTHS = [
    words.split()
    for words in (
        "january januar janvier enero gennaio janeiro",
        "february februar fevrier febrero febbraio fevereiro",
        "march marz mrz mars marzo marco maart mrt",
        "april avril abril aprile",
        "may mai mayo maggio maio mei maj",
        "june juni juin junio giugno junho",
        "july juli juillet julio luglio julho",
        "august aout agosto augustus",
        "september septembre septiembre settembre setembro",
        "october oktober octobre octubre ottobre outubro",
        "november novembre noviembre novembro",
        "december dezember decembre diciembre dicembre dezembro desember",
    )
]

_HALVES = {
    "am": 0,
    "vorm": 0,
    "午前": 0,
    "上午": 0,
    "오전": 0,
    "pm": 12,
    "nachm": 12,
    "午後": 12,
    "下午": 12,
    "오후": 12,
}

_HOURS: dict[str, float] = {
    "Z": 0,
    "UTC": 0,
    "GMT": 0,
    "UT": 0,
    "UCT": 0,
    "Coordinated Universal Time": 0,
    "Greenwich Mean Time": 0,
    "WET": 0,
    "WEST": 1,
    "CET": 1,
    "MEZ": 1,
    "MET": 1,
    "CEST": 2,
    "MESZ": 2,
    "MEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "HKT": 8,
    "SGT": 8,
    "JST": 9,
    "KST": 9,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
    "NST": -3.5,
    "NDT": -2.5,
    "EDT": -4,
    "EST": -5,
    "CDT": -5,
    "MDT": -6,
    "MST": -7,
    "PDT": -7,
    "PST": -8,
    "AKDT": -8,
    "AKST": -9,
    "HST": -10,
}
_SEVERAL = {"CST", "IST", "BST", "AST", "ADT", "AMT", "ECT", "GST", "SST", "WST", "ACT", "ART", "LT"}
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2}):?(\d\d)?")


@lru_cache(maxsize=256)
def month(name: bytes) -> int | None:
    """The month that a name, or the beginning of one, means; ``3月`` is one, too."""
    word = _text(name)
    if word[0].isdigit():
        number = int(word[:-1])
        return number if 1 <= number <= 12 else None
    found = [n for n, names in enumerate(_MONTHS, 1) if len(word) > 2 and any(full.startswith(word) for full in names)]
    return found[0] if len(found) == 1 or word == "sept" else None


def half_of(word: bytes) -> int | None:
    """0 for the morning, 12 for the afternoon, None where the word says neither."""
    return _HALVES.get(_text(word).replace(".", "").replace(" ", ""))


@lru_cache(maxsize=256)
def zone_of(word: bytes) -> tzinfo | Unknown | None:
    """The zone that a word names; None where it names none."""
    text = word.decode("ascii", errors="replace")
    if text in _HOURS:
        return timezone(timedelta(hours=_HOURS[text])) if _HOURS[text] else UTC
    if text in _SEVERAL or text.endswith(" Time"):
        return UNKNOWN
    if "/" in text:
        try:
            return ZoneInfo(text)
        except (KeyError, ValueError, OSError):
            return None
    offset = _OFFSET.fullmatch(text)
    if offset is None:
        return None
    shift = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
    if shift >= timedelta(hours=24):
        return UNKNOWN
    return timezone(-shift if offset[1] == "-" else shift)


def _text(word: bytes) -> str:
    """In small letters and without accents."""
    decomposed = unicodedata.normalize("NFKD", word.decode("utf-8", errors="replace").casefold())
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if not unicodedata.combining(c)))
