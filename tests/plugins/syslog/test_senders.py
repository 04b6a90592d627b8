"""Whoever writes a line, and whatever sends it: the sender's host, the event's name, and its time or none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.engine.loader import load_plugins
from retrust.signatures import Match
from retrust_plugins.syslog.messages import Frames, host_of
from retrust_plugins.syslog.streams import Connected, Streams

LINE = (
    "[system] [HealthMonitorThread] TOFU failed. Check local trust Trust-on-first-use is configure for this "
    "connection. Current certificate of the remote host is different "
    "from what was used earlier - CN=pi-sec, O=Example, C=US"
)
SIGNATURES = tuple(load_plugins().log_signatures.values())

SENDERS = {
    "rfc 5424": ("<131>1 {iso}Z {host} ncs 7 - - ", True),
    "rfc 5424 with a mark": ("<131>1 {iso}Z {host} ncs 7 - - \ufeff", True),
    "rfc 5424 without a time": ("<131>1 - {host} ncs - - - ", False),
    "rfc 3164 iso": ("<131>{iso}+00:00 {host} ncs[7]: ", True),
    "with a year": ("<131>%b %d %Y %H:%M:%S {host} ncs: ", True),
    "asa": ("<131>%b %d %Y %H:%M:%S {host} : %%ASA-1-1: ", True),
    "ios": ("<131>17: {host}: *%b %d %Y %H:%M:%S.{ms} UTC: ", True),
    "ios-xe": ("<131>17: {host}: 000018: .%b %d %Y %H:%M:%S: ", True),
    "ios of a zone that is not known": ("<131>17: {host}: %b %d %Y %H:%M:%S.{ms} NewYork: ", False),
    "nx-os": ("<131>{host}: %Y %b %d %H:%M:%S.{ms} UTC: ", True),
    "no time": ("<131>17: {host}: ", False),
    "behind a relay": ("<131>1 {iso}Z relay - - - - <131>%b %d %Y %H:%M:%S {host} ncs: ", True),
    "behind a relay that prepends": ("<131>{iso}Z relay %b %d %Y %H:%M:%S {host} ncs: ", True),
    "no header": ("", False),
    "a priority alone": ("<131>", False),
}
WRITERS = {
    "bare": ("", False),
    "iso": ("%Y-%m-%d %H:%M:%S,{ms} ERROR ", True),
    "date": ("%d %b %Y %H:%M:%S,{ms} ERROR ", True),
    "absolute": ("%H:%M:%S,{ms} ERROR ", False),
    "prime": ("%m/%d/%y %H:%M:%S.{ms} ERROR ", True),
    "websphere": ("[%d.%m.%y %H:%M:%S:{ms} UTC] 00000017 Hm E ", True),
    "go": ("%Y/%m/%d %H:%M:%S ", True),
    "of a zone that is not known": ("%Y-%m-%d %H:%M:%S,{ms} CST ERROR ", None),
}


def written(template: str, at: datetime, host: str) -> str:
    iso = at.isoformat(timespec="milliseconds").removesuffix("+00:00")
    return at.strftime(template).format(host=host, iso=iso, ms=f"{at.microsecond // 1000:03}")


def heard(message: bytes) -> tuple[str | None, Match]:
    (piece,) = Frames().feed(message + b"\n")
    streams = Streams(SIGNATURES)
    speaker = Connected("10.0.0.1", host_of(piece.data), "hint")
    found = streams.feed(speaker, piece.data + b"\n") + [m for _, told in streams.rest() for m in told]
    (match,) = found
    return speaker.host, match


@given(
    st.sampled_from(sorted(SENDERS)),
    st.sampled_from(sorted(WRITERS)),
    st.sampled_from(["prime-pri", "10.0.0.11"]),
    st.datetimes(datetime(2002, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),
)
@settings(max_examples=many(300))
def test_any_writer_behind_any_sender(sender: str, writer: str, host: str, at: datetime) -> None:
    """The innermost time that is told; none where it cannot be read, though an outer one can."""
    (header, of_header), (prefix, of_line) = SENDERS[sender], WRITERS[writer]
    told, match = heard((written(header, at, host) + written(prefix, at, host) + LINE).encode())
    if "{host}" in header and sender != "no time":
        assert told == host
    assert (match.dn, match.role) == ("CN=pi-sec, O=Example, C=US", "peer")
    if match.at is not None:
        assert timedelta(milliseconds=-1) < at - match.at < timedelta(seconds=1.1)
        assert of_line is not None
    else:
        assert of_line is None or not (of_line or of_header)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from(
                [
                    b"<13>",
                    b"1 ",
                    b"12 ",
                    b"Oct 11 22:14:15 ",
                    b"2025-10-11T22:14:15Z ",
                    b"17: ",
                    b"host ",
                    b"host: ",
                    b"*",
                    b"%",
                    b"\0",
                    b"\n",
                ]
            ),
        ),
        max_size=30,
    ),
    st.integers(1, 40),
)
def test_no_bytes_crash_a_listener(pieces: list[bytes], size: int) -> None:
    """Any bytes, however they are cut: a host or none, and every byte in a piece or still awaited."""
    data, frames = b"".join(pieces), Frames()
    host_of(data)
    for at in range(0, len(data), size):
        for piece in frames.feed(data[at : at + size]):
            host_of(piece.data)
    frames.rest()
