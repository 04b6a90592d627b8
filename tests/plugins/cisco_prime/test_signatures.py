"""Log signatures: one match per event, however the log reached us."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrust.logs.scanner import Scanner
from retrust.signatures import Match
from retrust.x509.dn import DistinguishedName
from retrust_plugins.cisco_prime.signatures import TofuMismatch

SEED = Path(__file__).parents[2] / "data" / "seed"
SEC = "CN=prime-sec, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US"
PRI = "CN=prime-pri, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US"
SIGNATURE = TofuMismatch(zone=UTC)

CHECK = "Check local trust Trust-on-first-use is configure for this connection."
SENTENCE = "Current certificate of the remote host is different from what was used earlier - "
EXCEPTION = (
    "javax.net.ssl.SSLHandshakeException: java.security.cert.CertificateException: "
    "Trust-on-first-use is configure for this connection."
)


def event(dn: str = SEC, thread: str = "HealthMonitorThread", repeated: str | None = None) -> list[str]:
    """The lines of one event as an appliance writes them."""
    return [
        f"[system] [{thread}] TOFU failed.",
        CHECK,
        SENTENCE + dn,
        EXCEPTION,
        SENTENCE + (dn if repeated is None else repeated),
    ]


def scan(text: str | bytes, *, size: int | None = None) -> list[Match]:
    raw = text.encode() if isinstance(text, str) else text
    scanner = Scanner([SIGNATURE])
    step = size or max(len(raw), 1)
    found = [match for i in range(0, len(raw), step) for match in scanner.feed(raw[i : i + step])]
    return found + scanner.flush()


def said(matches: list[Match]) -> list[tuple[str | None, str | None]]:
    return [(match.dn, match.role) for match in matches]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("primary-health-monitor.txt", [(SEC, "peer")]),
        ("prime-infrastructure.txt", [("CN=ISE-server", "ise")]),
        ("secondary-health-monitor.txt", [(PRI, None)]),
        ("troubleshoot.txt", [(SEC, "peer"), ("CN=ISE-server", "ise"), (PRI, None)]),
        ("listcerts-primary.txt", []),
        ("listcerts-secondary.txt", []),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_seeds_own_text(name: str, expected: list[tuple[str, str | None]], end: str) -> None:
    """Cisco's own excerpts, blank lines, wraps and slips included, give one match per event."""
    text = (SEED / name).read_text()
    matches = scan(text.replace("\n", end))
    assert said(matches) == expected
    assert all(match.at is None for match in matches)


@pytest.mark.parametrize("name", ["troubleshoot.txt", "primary-health-monitor.txt"])
@given(size=st.integers(1, 400))
@settings(max_examples=30)
def test_chunk_borders_do_not_count(name: str, size: int) -> None:
    """However the stream is cut, the same events are found at the same places."""
    raw = (SEED / name).read_bytes()
    assert scan(raw, size=size) == scan(raw)


PREFIXES = [
    "",
    "01/05/26 10:00:00.123 ERROR ",
    "2026-01-05T10:00:00.123+01:00 prime-pri ncs[17]: ",
    "<131>Jan  5 10:00:00 prime-pri ncs: ",
    "Jan  5 10:00:00 prime-pri ncs: 01/05/26 09:59:59.999 ERROR [com.cisco] ",
    '1 2026-01-05T10:00:00Z prime-pri ncs - - [meta id="1"] - ',
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("slip", ["configure", "configured"])
def test_any_prefix_on_every_line(prefix: str, slip: str) -> None:
    """Syslog's, Java's or no prefix; with Cisco's slip of the pen and without."""
    lines = [prefix + line.replace("configure", slip) for line in event() + event("CN=ise", "seqtaskexecutor-3")]
    assert said(scan("\n".join(lines) + "\n")) == [(SEC, "peer"), ("CN=ise", "ise")]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_dn_on_the_following_line(prefix: str) -> None:
    """The DN may stand on its own line after ``- ``, with a prefix and behind a blank line."""
    split = SENTENCE.removesuffix(" - ")
    for lines in ([split, f"- {SEC}"], [split, "", f"- {SEC}"], [split + " -", SEC], [split + " ", f"  - {SEC}"]):
        text = "\n".join(prefix + line for line in ["[system] [HealthMonitorThread] TOFU failed.", CHECK, *lines])
        assert said(scan(text)) == [(SEC, "peer")], lines


@pytest.mark.parametrize(
    ("prefix", "at"),
    [
        ("01/05/26 10:00:00.123 ERROR ", datetime(2026, 1, 5, 10, 0, 0, 123000, UTC)),
        ("2026-01-05T10:00:00.123+01:00 host ", datetime(2026, 1, 5, 9, 0, 0, 123000, UTC)),
        ("2026-01-05 10:00:00,5 host ", datetime(2026, 1, 5, 10, 0, 0, 500000, UTC)),
        ("2026-01-05T10:00:00Z a 01/05/26 09:59:59.999 ERROR ", datetime(2026, 1, 5, 9, 59, 59, 999000, UTC)),
        ("17:00 ", None),
        ("99/99/99 10:00:00 ", None),
        ("", None),
    ],
)
def test_the_time_is_the_prefixs(prefix: str, at: datetime | None) -> None:
    """The innermost recognisable time before the event is its time; else there is none."""
    (match,) = scan("\n".join(prefix + line for line in event()))
    assert match.at == at


def test_a_time_without_a_zone_is_read_in_the_signatures() -> None:
    """A site says in which zone its appliances write."""
    scanner = Scanner([TofuMismatch(zone=timezone(timedelta(hours=-8)))])
    scanner.feed("\n".join("01/05/26 10:00:00.000 " + line for line in event()).encode())
    assert scanner.flush()[0].at == datetime(2026, 1, 5, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "lines",
    [
        event(),
        event("CN=ISE-server", "seqtaskexecutor-3069"),
        event('CN=x, O="Cisco Systems, Inc."'),
        event('CN="a \\"b\\" c", O=DOM\\\\nathan'),
        event("CN=prüfung, O=日本"),
    ],
)
def test_carried_on_one_line(lines: list[str]) -> None:
    """As a JSON string, with rsyslog's octal line ends, or inside a JSON string inside a JSON string."""
    text = "\r\n".join(lines)
    (plain,) = said(scan(text))
    assert plain[0] == lines[2].removeprefix(SENTENCE)
    record = json.dumps({"time": "2026-01-05T10:00:00Z", "message": text, "host": "O=x"})
    for carried in (
        record,
        json.dumps({"message": text}, ensure_ascii=False),
        json.dumps([{"event": record}]),
        text.replace("\r", "#015").replace("\n", "#012"),
    ):
        assert said(scan(carried)) == [plain], carried
        assert said(scan(f"{carried}\n{carried}\n")) == [plain, plain]


def test_each_line_as_a_json_record() -> None:
    """A platform that makes a record of each line: the DN ends where the string does."""
    text = "\n".join(json.dumps({"message": line, "host": "O=x"}) for line in event())
    assert said(scan(text)) == [(SEC, "peer")]


def test_line_ends_turned_into_blanks() -> None:
    """An event flattened to one line ends its DN where the exception starts."""
    assert said(scan(" ".join(event()) + "\n")) == [(SEC, "peer")]


@pytest.mark.parametrize("width", [60, 72, 79, 80, 81, 90, 100, 120, 132])
def test_wrapped_inside_words(width: int) -> None:
    """A terminal's wrapping, wherever it cuts words after the anchor, does not hide DN or role."""
    wrapped = "\n".join(line[i : i + width] for line in event() for i in range(0, len(line), width))
    (match,) = scan(wrapped + "\n\n")
    assert match.dn is not None
    assert DistinguishedName.parse(match.dn) == DistinguishedName.parse(SEC)
    assert match.role == "peer"


def test_the_fullest_dn_is_kept() -> None:
    """Whether the first or a later saying of an event is the full one, it is the event's."""
    assert said(scan("\n".join(event(SEC, repeated="CN=prime-sec")))) == [(SEC, "peer")]
    assert said(scan("\n".join(event("CN=prime-sec", repeated=SEC)))) == [(SEC, "peer")]
    nothing = [*event("CN=prime-sec", repeated=SEC)]
    nothing[2] = SENTENCE.removesuffix(" - ")
    assert said(scan("\n".join(nothing))) == [(SEC, "peer")]


def test_an_event_says_it_three_times() -> None:
    """The cause at the end of a long stack trace is the same event; the next thread's is not."""
    trace = ["\tat sun.security.ssl.Alerts.getSSLException(Alerts.java:192)"] * 60
    caused = [
        "Caused by: java.security.cert.CertificateException: Trust-on-first-use is configure for this connection.",
        SENTENCE + SEC,
    ]
    whole = [*event(), *trace, *caused, *trace]
    assert said(scan("\n".join([*whole, *event(PRI), *whole]))) == [(SEC, "peer"), (PRI, "peer"), (SEC, "peer")]


def test_two_events_with_one_dn_are_two() -> None:
    """Events that follow each other directly are counted one by one, whole and cut short."""
    assert len(scan("\n".join(event() * 5))) == 5
    assert len(scan("\n".join(event()[:3] * 5))) == 5
    assert len(scan((SENTENCE + SEC + "\n") * 5)) == 5


def test_events_of_two_threads_interleave() -> None:
    """A repetition goes to the event whose certificate it names."""
    first, second = event(), event("CN=ise", "seqtaskexecutor-1")
    assert said(scan("\n".join(first[:3] + second[:3] + first[3:] + second[3:]))) == [(SEC, "peer"), ("CN=ise", "ise")]


def test_an_event_without_its_beginning() -> None:
    """The exception alone, as after a rotation, is an event without a role."""
    assert said(scan("\n".join(event()[3:]))) == [(SEC, None)]


def test_a_thread_named_before_is_not_the_events() -> None:
    """The role is that of the line on which the event begins."""
    lines = ["[system] [HealthMonitorThread] heartbeat", *event()[1:]]
    assert said(scan("\n".join(lines))) == [(SEC, None)]
    assert said(scan("\n".join(lines[:1] + event("CN=ise", "seqtaskexecutor-9")))) == [("CN=ise", "ise")]


def test_an_event_at_the_end_of_the_stream() -> None:
    """However much of an event came, a flush gives it; without a DN where none came."""
    for count in (3, 4, 5):
        assert said(scan("\n".join(event()[:count]))) == [(SEC, "peer")]
    assert said(scan("\n".join([*event()[:2], SENTENCE.strip(" -")]))) == [(None, "peer")]


def test_a_repetition_after_a_flush_is_no_second_event() -> None:
    """A live stream may rest between an event and what repeats it."""
    scanner = Scanner([SIGNATURE])
    scanner.feed("\n".join(event()[:3]).encode() + b"\n")
    assert scanner.pending
    assert said(scanner.flush()) == [(SEC, "peer")]
    assert not scanner.pending
    scanner.feed("\n".join(event()[3:] + event(PRI)).encode())
    assert said(scanner.flush()) == [(PRI, "peer")]


def test_the_excerpt_and_the_place() -> None:
    """The raw text starts at the event's line, is short, and stands at the offset in the stream."""
    before = "x" * 700_000 + "\n"
    lines = ["01/05/26 10:00:00.123 ERROR " + line for line in event()]
    (match,) = scan(before + "\n".join(lines), size=65536)
    assert match.offset == len(before)
    assert match.text.startswith(lines[0])
    assert len(match.text) == 500


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    *(line.encode() for line in event()),
                    SIGNATURE.anchor,
                    b"\n",
                    b" - ",
                    b"CN=",
                    b"\\n",
                    b"#012",
                    b'"',
                    b"\\",
                    b" from what was used earlier",
                    b"\xff\xfe",
                    b", O=x",
                    b"[HealthMonitorThread] ",
                ]
            ),
        ),
        max_size=30,
    ),
    st.integers(1, 200),
)
def test_no_bytes_crash_it(pieces: list[bytes], size: int) -> None:
    """Any bytes in any chunks: never an error, never more events than sentences, excerpts bounded."""
    raw = b"".join(pieces)
    matches = scan(raw, size=size)
    assert len(matches) <= raw.count(SIGNATURE.anchor)
    assert all(len(match.text) <= 500 for match in matches)
    assert matches == scan(raw)


names = st.lists(
    st.tuples(
        st.sampled_from(["CN", "OU", "O", "L", "ST", "C"]),
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 .-]{0,20}[A-Za-z0-9]", fullmatch=True),
    ),
    min_size=1,
    max_size=6,
).map(lambda rdns: ", ".join(f"{t}={v}" for t, v in rdns))


@given(
    st.lists(
        st.tuples(names, st.sampled_from(["HealthMonitorThread", "seqtaskexecutor-12"]), st.integers(2, 5)), max_size=6
    ),
    st.sampled_from(PREFIXES),
    st.integers(1, 3000),
)
@settings(max_examples=50)
def test_what_is_logged_is_counted(events: list[tuple[str, str, int]], prefix: str, size: int) -> None:
    """Any events under any prefix, whole or cut short: each once, with its name and role, in order."""
    lines = [line for dn, thread, count in events for line in [*event(dn, thread)[: count + 1], "other line"]]
    found = scan("".join(f"{prefix}{line}\n" for line in lines), size=size)
    assert said(found) == [(dn, "peer" if thread[0] == "H" else "ise") for dn, thread, _ in events]
