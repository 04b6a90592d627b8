"""The DN at the end of a mismatch's sentence, from the raw bytes that follow the anchor."""

from __future__ import annotations

import re

from retrust.signatures import CUT

# Nearly every sentence in a log is this one, so it has a path of its own: the DN is at its line's end,
# nothing is escaped, and no line that follows can go on with it.
_PLAIN = re.compile(
    rb" from what was used earlier - (?P<dn>[A-Za-z]+=[^\"\\#\[<^&\t\r\n]*"
    rb"[^\"\\#\[<^&\t\r\n,+= ])"
    rb"\r?(?:\n(?P<next>[^\n]*)|\Z)"
)


_CUT = CUT.encode()
_RUN_ONS = (b"java", b"rust-on", b"\xe2\x80\xa8", b"\xc2\x85")


def read_dn(tail: bytes, column: int = 0) -> tuple[str | None, int]:
    """The DN in ``tail``, which starts right after the anchor, and how many bytes the sentence took of it.

    ``column`` is where in its line the anchor ends, for lines that a terminal wrapped.
    """
    plain = match_plain(tail)
    if plain is not None:
        return _decoded(plain[1]), plain.end(1)
    from retrust_plugins.cisco_prime.carried_dn import read_carried_dn

    dn, end = read_carried_dn(tail, column)
    return None if dn is None else " ".join(_decoded(dn).split()), end


def match_plain(text: bytes) -> re.Match[bytes] | None:
    """The DN on the sentence's own line, where it is plain."""
    match = _PLAIN.match(text)
    if match is None:
        return None
    dn, following = match.groups()
    if dn.endswith(_CUT):
        return match
    return None if (following and b"=" in following) or any(word in dn for word in _RUN_ONS) else match


def _decoded(dn: bytes) -> str:
    try:
        return dn.decode()
    except UnicodeDecodeError:
        return dn.decode("latin-1")
