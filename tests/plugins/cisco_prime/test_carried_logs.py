"""An event is the same one whatever library wrote it and whatever carried it here: its name, its time or none."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.logs.carriers import Carriers
from retrust.logs.scanner import Scanner
from retrust.signatures import Match
from retrust_plugins.cisco_prime.signatures import TofuMismatch

DN = "CN=pi-sec.example.com, OU=NMS, O=Example, C=US"
AT = datetime(2025, 3, 14, 9, 26, 53, 589000, UTC)
EVENT = [
    "[system] [HealthMonitorThread] TOFU failed.",
    "Check local trust Trust-on-first-use is configure for this connection.",
    f"Current certificate of the remote host is different from what was used earlier - {DN}",
    "javax.net.ssl.SSLHandshakeException: java.security.cert.CertificateException: "
    "Trust-on-first-use is configure for this connection.",
    f"Current certificate of the remote host is different from what was used earlier - {DN}",
    "\tat sun.security.ssl.Alerts.getSSLException(Alerts.java:192)",
]
Lines = list[str]
Formatter = Callable[[datetime, Lines], Lines]
Carrier = Callable[[datetime, Lines], bytes]


def scan(raw: bytes, *sizes: int) -> list[Match]:
    scanner, at, found = Scanner([TofuMismatch(zone=UTC)]), 0, []
    while at < len(raw):
        step = sizes[at % len(sizes)] if sizes else len(raw)
        found += scanner.feed(raw[at : at + step])
        at += step
    return found + scanner.flush()


# -- how libraries write an event --------------------------------------------------------------------------------


def led(template: str) -> Formatter:
    """A formatter whose time stands before the event's first line; ``{ms}`` are its milliseconds."""

    def written(at: datetime, lines: Lines) -> Lines:
        head = at.strftime(template).replace("{ms}", f"{at.microsecond // 1000:03}")
        head = head.replace("{epoch}", str(int(at.timestamp() * 1000)))
        head = head.replace("{hour}", str(at.hour % 12 or 12)).replace("{day}", str(at.day))
        return (head + lines[0]).split("\n") + lines[1:]

    return written


FORMATTERS: dict[str, Formatter] = {
    "bare": lambda at, lines: lines,
    "absolute": led("%H:%M:%S,{ms} ERROR "),
    "iso": led("%Y-%m-%d %H:%M:%S,{ms} ERROR "),
    "rfc3339": led("%Y-%m-%dT%H:%M:%S.{ms}Z ERROR "),
    "date": led("%d %b %Y %H:%M:%S,{ms} ERROR "),
    "jul": led("%b %d, %Y {hour}:%M:%S %p com.example.Hm run\nSEVERE: "),
    "weblogic": led("####<%b %d, %Y {hour}:%M:%S %p UTC> <Error> <x> <{epoch}> <BEA-1> "),
    "websphere": led("[%d.%m.%y %H:%M:%S:{ms} UTC] 00000017 Hm E "),
    "go": led("%Y/%m/%d %H:%M:%S "),
    "tomcat": led("%d-%b-%Y %H:%M:%S.{ms} SEVERE [main] "),
    "epoch": led("{epoch} ERROR "),
    "prime": led("%m/%d/%y %H:%M:%S.{ms} ERROR "),
}
SECOND = timedelta(seconds=1)
TELL_NONE = {"bare", "absolute"}


# -- what carries it ---------------------------------------------------------------------------------------------


def text(lines: Lines) -> str:
    return "".join(f"{line}\n" for line in lines)


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "789Z")


def records(*parts: Callable[[datetime, str], object]) -> Carrier:
    """A JSON object a line."""
    return lambda at, lines: "".join(
        json.dumps(part(at, line), ensure_ascii=False) + "\n" for line in lines for part in parts
    ).encode()


def record(part: Callable[[datetime, str], object]) -> Carrier:
    """One JSON object for the whole event."""
    return lambda at, lines: (json.dumps(part(at, "\n".join(lines))) + "\n").encode()


def cri(at: datetime, lines: Lines) -> bytes:
    return "".join(f"{stamp(at)} stderr F {line}\n" for line in lines).encode()


def cri_partial(at: datetime, lines: Lines) -> bytes:
    """Each line cut in three; the other stream writes in between."""
    return "".join(
        f"{stamp(at)} stderr P {line[: len(line) // 3]}\n{stamp(at)} stdout F other\n"
        f"{stamp(at)} stderr P {line[len(line) // 3 : -4]}\n{stamp(at)} stderr F {line[-4:]}\n"
        for line in lines
    ).encode()


def docker_partial(at: datetime, lines: Lines) -> bytes:
    return "".join(
        json.dumps({"log": part, "stream": "stderr", "time": stamp(at)}) + "\n"
        for line in lines
        for part in (line[: len(line) // 2], line[len(line) // 2 :] + "\n")
    ).encode()


def export(at: datetime, lines: Lines) -> bytes:
    """journalctl -o export."""
    return "".join(
        f"__CURSOR=s=1\n__REALTIME_TIMESTAMP={int(at.timestamp() * 1e6)}\nPRIORITY=3\nMESSAGE={line}\n\n"
        for line in lines
    ).encode()


def export_of_bytes(at: datetime, lines: Lines) -> bytes:
    """A message that holds line ends: its name, its length in eight bytes, its bytes."""
    said = "\n".join(lines).encode()
    return (
        b"__REALTIME_TIMESTAMP=%d\n_PID=7\nMESSAGE\n" % (at.timestamp() * 1e6)
        + len(said).to_bytes(8, "little")
        + said
        + b"\nPRIORITY=3\n\n"
    )


def colours(at: datetime, lines: Lines) -> bytes:
    return "".join(f"\x1b[31m\x1b[1m{line[:9]}\x1b[0m\x1b]8;;x\x07{line[9:]}\x1b[0m\n" for line in lines).encode()


def highlighted(at: datetime, lines: Lines) -> bytes:
    """grep --color: escapes inside the sentence and inside the name."""
    return (
        text(lines)
        .replace("certificate of", "\x1b[01;31m\x1b[Kcertificate\x1b[m\x1b[K of")
        .replace("pi-sec", "\x1b[01;31m\x1b[Kpi-sec\x1b[m\x1b[K")
        .encode()
    )


def syslog(at: datetime, lines: Lines, end: str) -> bytes:
    return (f"<131>{at:%b %d %Y %H:%M:%S} pi hm: " + end.join(lines) + "\n").encode()


def epoch(at: datetime) -> float:
    return at.timestamp()


PLAIN: dict[str, Carrier] = {
    "file": lambda at, lines: text(lines).encode(),
    "crlf": lambda at, lines: text(lines).replace("\n", "\r\n").encode(),
    "utf-8 bom": lambda at, lines: b"\xef\xbb\xbf" + text(lines).encode(),
    "utf-16": lambda at, lines: b"\xff\xfe" + text(lines).replace("\n", "\r\n").encode("utf-16-le"),
    "utf-16 be": lambda at, lines: b"\xfe\xff" + text(lines).encode("utf-16-be"),
    "utf-16 without bom": lambda at, lines: text(lines).encode("utf-16-le"),
    "colours written out": lambda at, lines: "".join(f"#033[31m{line}#033[0m\n" for line in lines).encode(),
    "colours": colours,
    "highlighted": highlighted,
}
TIMED: dict[str, Carrier] = {
    "cri": cri,
    "cri partial": cri_partial,
    "docker partial": docker_partial,
    "journal export": export,
    "journal export of bytes": export_of_bytes,
    "docker": records(lambda at, line: {"log": line + "\n", "stream": "stderr", "time": stamp(at)}),
    "cri with json": lambda at, lines: b"".join(
        f"{stamp(at)} stdout F {json.dumps({'msg': line, 'ts': epoch(at)})}\n".encode() for line in lines
    ),
    "docker with bunyan": records(lambda at, line: {"log": json.dumps({"msg": line, "time": stamp(at)}) + "\n"}),
    "ecs": record(lambda at, line: {"message": line, "ecs": {"version": "1"}, "@timestamp": stamp(at)}),
    "ecs with a trace": record(
        lambda at, line: {
            "message": line.partition("\njavax")[0],
            "error": {"stack_trace": "javax" + line.partition("\njavax")[2]},
            "@timestamp": stamp(at),
        }
    ),
    "filebeat with the original": record(
        lambda at, line: {
            "event": {"original": line},
            "message": line,
            "@timestamp": stamp(at),
            "log": {"flags": ["multiline"]},
        }
    ),
    "gelf": lambda at, lines: (
        json.dumps(
            {"host": "pi", "short_message": lines[0], "full_message": "\n".join(lines), "timestamp": epoch(at)}
        ).encode()
        + b"\0"
    ),
    "splunk hec": record(lambda at, line: {"event": line, "sourcetype": "hm", "time": f"{epoch(at):.3f}"}),
    "splunk hec with fields": record(lambda at, line: {"event": {"message": line}, "time": epoch(at)}),
    "journal json": records(lambda at, line: {"MESSAGE": line, "__REALTIME_TIMESTAMP": str(int(epoch(at) * 1e6))}),
    "journal bytes": records(
        lambda at, line: {"MESSAGE": list(line.encode()), "__REALTIME_TIMESTAMP": str(int(epoch(at) * 1e6))}
    ),
    "log4j json": record(
        lambda at, line: {
            "instant": {"epochSecond": int(epoch(at)), "nanoOfSecond": at.microsecond * 1000},
            "message": line,
        }
    ),
    "a list": lambda at, lines: (
        json.dumps([{"timestamp": int(epoch(at) * 1000), "message": line} for line in lines]).encode() + b"\n"
    ),
    "splunk export": record(lambda at, line: {"preview": False, "result": {"_raw": line, "_time": stamp(at)}}),
    "elastic hits": lambda at, lines: json.dumps(
        {
            "hits": {
                "total": 9,
                "hits": [
                    {"_id": n, "_source": {"message": line, "@timestamp": stamp(at)}} for n, line in enumerate(lines)
                ],
            }
        }
    ).encode(),
    "opentelemetry": lambda at, lines: json.dumps(
        {
            "resourceLogs": [
                {
                    "resource": {},
                    "scopeLogs": [
                        {
                            "logRecords": [
                                {"timeUnixNano": str(int(epoch(at) * 1e6) * 1000), "body": {"stringValue": line}}
                                for line in lines
                            ]
                        }
                    ],
                }
            ]
        }
    ).encode(),
    "thread of its own": record(
        lambda at, line: {
            "time": stamp(at),
            "thread": "HealthMonitorThread",
            "msg": line.replace("[system] [HealthMonitorThread] ", ""),
        }
    ),
    "fluent bit": records(lambda at, line: {"date": epoch(at), "log": line}),
    "compose": lambda at, lines: b"".join(b"web-1  | " + line + b"\n" for line in cri(at, lines).splitlines()),
    "behind a header": lambda at, lines: (
        b"<131>app: @cee: " + record(lambda at, line: {"msg": line, "time": stamp(at)})(at, lines)
    ),
    "octal": lambda at, lines: syslog(at, lines, "#012"),
    "colours in json": lambda at, lines: record(lambda at, line: {"message": line, "time": stamp(at)})(
        at, colours(at, lines).decode().splitlines()
    ),
    "backslash octal": lambda at, lines: syslog(at, lines, "\\012"),
    **{
        f"line ends as {end!r}": lambda at, lines, end=end: syslog(at, lines, end)  # type: ignore[misc]
        for end in (
            "^J",
            "\\x0a",
            "<0A>",
            "#x0A",
            "&#10;",
            "<br>",
            "\u2028",
            "\\u000a",
            "\\r\\n",
            "#015#012",
            "\\015\\012",
            "",
        )
    },
    "backslash n": lambda at, lines: syslog(at, lines, "\\n"),
}


@pytest.mark.parametrize("carrier", PLAIN | TIMED)
def test_a_carrier_changes_neither_name_nor_time(carrier: str) -> None:
    """One event, its whole name, its role, and the carrier's time where the line has none."""
    (found,) = scan((PLAIN | TIMED)[carrier](AT, EVENT))
    assert (found.dn, found.role) == (DN, "peer")
    expected = AT if carrier in TIMED else None
    assert (found.at and found.at.replace(microsecond=0)) == (expected and expected.replace(microsecond=0))


@given(
    st.sampled_from(sorted(FORMATTERS)),
    st.sampled_from(sorted(PLAIN | TIMED)),
    st.datetimes(datetime(2002, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),
    st.lists(st.integers(1, 5000), min_size=1, max_size=3),
)
@settings(max_examples=many(300))
def test_any_formatter_in_any_carrier(formatter: str, carrier: str, at: datetime, sizes: list[int]) -> None:
    """Whatever wrote and carried it, however it is cut: one event, the whole name, and the right time or none."""
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    raw = (PLAIN | TIMED)[carrier](at, FORMATTERS[formatter](at, EVENT))
    (found,) = scan(raw, *sizes)
    assert (found.dn, found.role) == (DN, "peer")
    if formatter in TELL_NONE and carrier in PLAIN:
        assert found.at is None
    elif found.at is not None:  # never another time; what has two meanings has none
        assert timedelta(0) <= at - found.at.replace(microsecond=found.at.microsecond // 1000 * 1000) < SECOND


def test_a_name_in_latin_1_is_read() -> None:
    """A log is not always UTF-8."""
    (found,) = scan(text(EVENT).replace("Example", "Exämple").encode("latin-1"))
    assert found.dn == DN.replace("Example", "Exämple")


def test_text_behind_a_journals_record_is_read() -> None:
    """Only what is in a carrier is the carrier's: a field's name in the middle of a log hides nothing."""
    found = scan(b"x\n__CURSOR=s=1\nother\n" + text(EVENT).encode() + b"\n" + text(EVENT).encode())
    assert [(match.dn, match.at) for match in found] == [(DN, None)] * 2


@pytest.mark.parametrize(
    "raw",
    [
        f"{stamp(AT)} stderr P {EVENT[2][:-20]}\n",
        json.dumps({"log": EVENT[2][:-20], "stream": "stderr", "time": stamp(AT)}) + "\n",
        f"{stamp(AT)} stderr P {EVENT[2][:-20]}\n{stamp(AT)} stdout F other\n",
        "<131>Mar 14 09:26:53 pi hm: " + "#012".join(EVENT[:3]) + "#01\n",
        f" TOFU failed. Check local trust {EVENT[2][:-20]}".rjust(1024, "x") + "\n",
        json.dumps({"message": EVENT[2]})[:-20],
        f"{stamp(AT)} stderr P {EVENT[2][:-20]}",
        f"{EVENT[2][:-4]}\n",
        f"{EVENT[2][:-5]}\n",
        "<131>Mar 14 09:26:53 pi hm: " + "\\012".join(EVENT[:3]) + "\\0\n",
    ],
)
def test_a_name_that_may_have_been_cut_says_so(raw: str) -> None:
    """Never completed, ended inside an escape, or at a size at which senders cut: the name ends in an ellipsis."""
    (found,) = scan(raw.encode())
    assert found.dn is not None
    assert found.dn.endswith("…")
    assert DN.startswith(found.dn[:-1])


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [
                    b"\n",
                    b'{"',
                    b'{"log": "',
                    b'"}',
                    b"\x1b[",
                    b"\x1b]",
                    b"\0",
                    b"\xff\xfe",
                    b"2025-03-14T09:26:53Z stderr P ",
                    b"#01",
                    b'[{"message": [',
                    b"__REALTIME_TIMESTAMP=",
                    b"MESSAGE\n",
                    TofuMismatch().anchor,
                    b"\\u001b",
                    b"1e999",
                    b"-1",
                ]
            ),
        ),
        max_size=40,
    ),
    st.integers(1, 100),
)
def test_no_bytes_crash_a_carrier(pieces: list[bytes], size: int) -> None:
    """Whatever comes, in whatever cuts: never an error."""
    scan(b"".join(pieces), size)


HARD: dict[str, bytes] = {
    "a brace that never closes": b'{"log": "' + b"x" * 400,
    "braces": b'{"' * 200,
    "escapes": b"\x1b[" * 200,
    "titles that never end": b"\x1b]0;" * 100,
    "zeros": b"\0" * 400,
    "parts": f"{stamp(AT)} stderr P x\n".encode() * 10,
    "docker's parts": b'{"log":"x","stream":"a","time":"b"}\n' * 10,
    "clocks": b"09:26:53 " * 40,
    "lines in json": b'{"message": "' + b"\\n" * 300 + b'"}\n',
    "a long lead": b"x" * 400 + b' {"message": "\\n\\n"}\n',
    "many texts": b'{"a": {"message": "x"}}\n' * 10,
    "digits": b"1741944413589" * 30,
    "events": text(EVENT).encode(),
    "octal": b"#012" * 100,
    "quotes": b'"' * 400,
    "anchors": TofuMismatch().anchor + b" - CN=" * 20,
    "a name without an end": b", O=x" * 80,
}


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("size", [4096, 256 * 1024])
def test_work_grows_with_length_alone(kind: str, size: int) -> None:
    """Eight times as much costs about eight times the calls, and shows a signature about eight times the bytes."""

    def work(times: int) -> int:
        count = 0

        def counting(frame: object, event: str, arg: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(counting)
        try:
            scan(HARD[kind] * times + b"\n" + text(EVENT).encode(), size)
        finally:
            sys.setprofile(None)
        return count

    assert work(8 * 100) < 10 * work(100) + 5000


@pytest.mark.parametrize(
    ("begins", "part", "ends"),
    [
        (b'{"message": "', b"\\n", b'"}\n'),
        (b"x" * 100_000 + b' {"message": "', b"\\n" * 2, b'"}\n'),
        (b"{", b'"a%d": {"message": "x"}, ', b'"b": 1}\n'),
        (b"[", b'{"log": "x", "stream": "b", "time": "c"}, ', b"1]\n"),
        (b"", b'{"log": "x", "stream": "%d", "time": "c"}\n', b""),
        (b'{"a": ', b"[", b"]" * 100 + b"}\n"),
    ],
)
def test_what_comes_out_grows_with_what_comes_in(begins: bytes, part: bytes, ends: bytes) -> None:
    """No record makes much more of itself: an object, its lines, its lists, what stands before it."""

    def told(times: int) -> int:
        carriers = Carriers([b"ANCHOR"])
        raw = begins + b"".join(part.replace(b"%d", b"%d" % n) for n in range(times)) + ends
        return len(carriers.feed(raw) + carriers.flush())

    assert told(8000) < 10 * told(1000) + 100_000
