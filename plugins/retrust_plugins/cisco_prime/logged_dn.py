"""The DN at the end of a mismatch's sentence, from the raw bytes that follow the anchor."""

from __future__ import annotations

from retrust_plugins.cisco_prime.carried_dn import read_carried_dn
from retrust_plugins.cisco_prime.plain_dn import match_plain


def read_dn(tail: bytes, column: int = 0) -> tuple[str | None, int]:
    """The DN in ``tail``, which starts right after the anchor, and how many bytes the sentence took of it.

    ``column`` is where in its line the anchor ends, for lines that a terminal wrapped.
    """
    plain = match_plain(tail)
    if plain is not None:
        return _decoded(plain[1]), plain.end(1)
    dn, end = read_carried_dn(tail, column)
    return None if dn is None else " ".join(_decoded(dn).split()), end


def _decoded(dn: bytes) -> str:
    try:
        return dn.decode()
    except UnicodeDecodeError:
        return dn.decode("latin-1")
