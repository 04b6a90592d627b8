"""The DN of a mismatch's sentence where it is plain: on one line, and nothing of it escaped."""

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


def match_plain(text: bytes) -> re.Match[bytes] | None:
    """The DN on the sentence's own line, where it is plain."""
    match = _PLAIN.match(text)
    if match is None:
        return None
    dn, following = match.groups()
    if dn.endswith(_CUT):
        return match
    return None if (following and b"=" in following) or any(word in dn for word in _RUN_ONS) else match
