"""Every parser that meets foreign bytes: no exception but its own, and work that grows with the input's length only."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType

import asyncssh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from kit.steps import counting
from retrust.audit.archive import CHAIN, MANIFEST, PUBLIC_KEY, SIGNATURE, packed
from retrust.audit.offline import verify_pack
from retrust.errors import RetrustError
from retrust.ledger.keys import LedgerKey, pem
from retrust.logs.scanner import Scanner
from retrust.logs.timestamps import read_timestamp
from retrust.signatures import CUT
from retrust.ssh.access import SshAccess
from retrust.ssh.hostkeys import trusted
from retrust.testing.certificates import self_signed
from retrust.x509.certificates import parse_fingerprint, read_presented
from retrust.x509.dn import DistinguishedName
from retrust.x509.files import server_certificate
from retrust_plugins.cisco_prime.ha_status import ha_from_cli
from retrust_plugins.cisco_prime.listing import read_listing
from retrust_plugins.cisco_prime.signatures import TOFU_MISMATCH
from retrust_plugins.openssh.known_hosts import change, parse, pins
from retrust_plugins.syslog.messages import Frames, host_of
from retrust_plugins.webhook.messages import Unreadable, read
from retrust_plugins.webhook.settings import WebhookSettings
from retrust_plugins.window.gate import stands
from retrust_plugins.window.settings import WindowSettings

NOW = datetime(2026, 3, 8, 3, tzinfo=UTC)
SENTENCE = (
    b"03/14/25 09:26:53.589 ERROR [hm] [HealthMonitorThread] TOFU failed. Check local trust\n"
    b"Current certificate of the remote host is different from what was used earlier - "
)
"""What each name in a log follows."""


# -- the parsers --------------------------------------------------------------------------------------


def dn(data: bytes, _: Path) -> None:
    name = DistinguishedName.parse(data.decode("latin-1"))
    for text in (name.rfc4514(), name.slash(), name.spaced()):
        DistinguishedName.parse(text)
    name.may_be(data.decode("latin-1") + CUT)


def log(data: bytes, _: Path) -> None:
    scanner = Scanner([TOFU_MISMATCH])
    for match in [*scanner.feed(data), *scanner.flush()]:
        DistinguishedName.parse(match.dn or "")


def named_in_a_log(data: bytes, folder: Path) -> None:
    log(SENTENCE + data + b"\n", folder)


def listing(data: bytes, _: Path) -> None:
    text = data.decode("utf-8", "replace")
    read_listing(text, "primary")
    ha_from_cli(text)


def syslog(data: bytes, _: Path) -> None:
    frames = Frames()
    for piece in [*frames.feed(data), frames.rest()]:
        host_of(piece.data)
    host_of(data)


def timestamp(data: bytes, _: Path) -> None:
    read_timestamp(data, now=NOW)


MAPPED = WebhookSettings.model_validate(
    {"token": "env:T", "map": {"items": "alerts", "text": "text", "time": "time", "id": "id", "state": "state"}}
)


def cloud_event(data: bytes, _: Path) -> None:
    for kind in (
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json; charset=utf-16",
    ):
        with contextlib.suppress(Unreadable):
            read(MAPPED, {"content-type": kind}, data)
    value = data.decode("latin-1")
    for charset in ("", "hex", "idna", "undefined", "unicode_escape", "utf-7", value):
        with contextlib.suppress(Unreadable), warnings.catch_warnings(action="ignore"):
            read(
                MAPPED,
                {
                    "content-type": f"text/plain; charset={charset}",
                    "ce-type": "retrust.log.signature",
                    "ce-id": value,
                    "ce-source": "a",
                    "ce-specversion": "1.0",
                },
                data,
            )
        with contextlib.suppress(Unreadable), warnings.catch_warnings(action="ignore"):
            read(MAPPED, {"content-type": f"application/json; charset={charset}"}, data)


def pack(data: bytes, folder: Path) -> None:
    (folder / "pack.zip").write_bytes(data)
    verify_pack(folder / "pack.zip")


@cache
def _key(folder: Path) -> LedgerKey:
    return LedgerKey.of(folder)


def pack_file(data: bytes, folder: Path) -> None:
    """As each file of a pack that is signed right."""
    key = _key(folder)
    for name in (CHAIN, MANIFEST, "case.json"):
        files = {"case.json": b"{}", CHAIN: b"", MANIFEST: b"{}"} | {name: data}
        pack(packed(files | {SIGNATURE: key.sign(files[MANIFEST]), PUBLIC_KEY: pem(key.public)}), folder)


def known_hosts(data: bytes, folder: Path) -> None:
    found = parse(data)
    listed = list(pins("here", found.entries, {}))
    found.covering("web1")
    if listed:
        change(data, listed[0].line, listed[-1].line)
    (folder / "known_hosts").write_bytes(data)
    access = SshAccess(
        node="primary", address="10.0.0.1", port=22, username="u", host="web1", known_hosts=folder / "known_hosts"
    )
    with contextlib.suppress(RetrustError):
        trusted(access)


def certificate(data: bytes, _: Path) -> None:
    read_presented([data])
    with contextlib.suppress(ValueError):  # as its contract says: the command and the door put it in a sentence
        server_certificate(data)
    with contextlib.suppress(ValueError):
        parse_fingerprint(data.decode("latin-1"))


def calendar(data: bytes, folder: Path) -> None:
    file = folder / "windows.ics"
    file.write_bytes(data)
    for given_ in (
        {"calendar": str(file)},
        {"calendar": {"start": "2026-01-04", "duration": "4h"}, "timezone": "UTC", "freeze": str(file)},
    ):
        stands(WindowSettings.model_validate(given_), "window", NOW, timedelta(hours=1))


def rule(data: bytes, _: Path) -> None:
    text = data.decode("latin-1")
    with contextlib.suppress(ValidationError):
        stands(
            WindowSettings.model_validate(
                {"timezone": "UTC", "calendar": {"start": "2026-01-04 02:00", "duration": "4h", "rrule": text}}
            ),
            "window",
            NOW,
        )


# -- valid samples ------------------------------------------------------------------------------------


@cache
def samples() -> dict[str, list[bytes]]:
    made = self_signed("prime-sec")
    der = made.der
    text = made.pem
    names = [
        b"CN=prime-sec, OU=NMS, O=Example\\, Inc., C=US",
        b"/C=US/O=Example/CN=prime-sec",
        b'C = US, O = "Example, Inc.", CN = x + OU = y',
        b"CN=#0C03666F6F,2.5.4.99=x",
    ]
    event = {"specversion": "1.0", "id": "1", "source": "a", "type": "retrust.log.signature", "data": {"text": "t"}}
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[1]
    ics = b"\r\n".join(
        [
            b"BEGIN:VCALENDAR",
            b"VERSION:2.0",
            b"BEGIN:VEVENT",
            b"UID:1",
            b"DTSTART;TZID=Europe/Zurich:20260301T010000",
            b"DURATION:PT4H",
            b"RRULE:FREQ=WEEKLY;BYDAY=SU",
            b"EXDATE;TZID=Europe/Zurich:20260308T010000",
            b"END:VEVENT",
            b"END:VCALENDAR",
            b"",
        ]
    )
    lines = b"".join(SENTENCE + name + b"\n" for name in names)
    return {
        "dn": names,
        "named_in_a_log": names,
        "log": [
            lines,
            json.dumps({"log": lines.decode(), "time": "2025-03-14T09:26:53Z"}).encode(),
            lines.decode().encode("utf-16"),
        ],
        "listing": [
            b"prime/admin# ncs certvalidation tofu-certs listcerts\nHost certificates in the TOFU store\n"
            b"host=10.0.0.12_8082; subject=/C=US/CN=prime-sec\nhost=10.0.0.21_443; subject=CN=ise\n"
        ],
        "syslog": [
            b'<189>1 2025-03-14T09:26:53Z 10.0.0.1 app 1 - [a b="c"] text\n',
            b"53 <34>Mar 14 09:26:53 prime su: text that is counted here\n",
            b"<189>12: host: 13: *Mar 14 09:26:53.589 CET: %SYS-5: x",
        ],
        "timestamp": [
            b"03/14/25 09:26:53.589 ERROR [",
            b"Mar 14 2025 9:26:53 PM CET",
            b"[1741944413589] 20250314T092653Z",
        ],
        "cloud_event": [
            json.dumps(event).encode(),
            json.dumps([event]).encode(),
            json.dumps({"alerts": [{"text": "t", "state": "firing", "time": 1741944413.5}]}).encode(),
        ],
        "pack": [packed({"case.json": b"{}", CHAIN: b'{"seq":1,"hash":"a"}\n', MANIFEST: b"{}"})],
        "pack_file": [
            b'{"seq":1,"hash":"a"}\n',
            b'{"format":"retrust evidence pack 1","files":{},"case":"c1","site":"s",'
            b'"state":"open","key":"k","missing":{}}',
        ],
        "known_hosts": [
            f"web1,10.0.0.1 ssh-ed25519 {key} a\n@revoked * ssh-ed25519 {key}\n|1|AAAA|AAAA ssh-ed25519 {key}".encode()
        ],
        "certificate": [der, text, b"SHA256:" + b"ab:" * 32],
        "calendar": [ics],
        "rule": [b"FREQ=MONTHLY;BYDAY=1SU;UNTIL=20270101T000000Z", b"FREQ=DAILY;COUNT=3;INTERVAL=2"],
    }


PARSERS: dict[str, Callable[[bytes, Path], None]] = {
    f.__name__: f
    for f in (
        dn,
        named_in_a_log,
        log,
        listing,
        syslog,
        timestamp,
        cloud_event,
        pack,
        pack_file,
        known_hosts,
        certificate,
        calendar,
        rule,
    )
}
PROFILE = settings(
    max_examples=60,
    database=None,
)


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """A valid sample with a few places cut, doubled, exchanged or overwritten; or arbitrary bytes."""
    data = draw(st.sampled_from(samples()[name]) | st.binary(max_size=200))
    for _ in range(draw(st.integers(0, 4))):
        at, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        put = draw(st.sampled_from((b"", data[at:end] * 2)) | st.binary(max_size=8))
        data = data[:at] + put + data[end if draw(st.booleans()) else at :]
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("name", PARSERS)
def test_whatever_the_bytes_are(name: str, folder: Path) -> None:
    """Arbitrary bytes and valid samples with errors in them are read, or refused as each parser says."""

    @PROFILE
    @given(mutated(name))
    def holds(data: bytes) -> None:
        PARSERS[name](data, folder)

    holds()


# -- work ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Worst:
    """Inputs ``head + pump * n + tail`` for a parser; ``modules`` are those whose patterns are counted."""

    modules: str
    heads: tuple[bytes, ...]
    pumps: tuple[bytes, ...]
    tails: tuple[bytes, ...] = (b"", b"!")

    def each(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        return itertools.product(self.heads, self.pumps, self.tails)

    def loaded(self) -> list[ModuleType]:
        return [importlib.import_module(name) for name in self.modules.split()]


NAMES = (b" ", b"a", b",", b",a", b"+CN=", b"/CN=", b'"', b"\\", b'\\"', b"1.")
PRIME = "retrust_plugins.cisco_prime."
WORST = {
    "dn": Worst("retrust.x509.dn", (b"x,", b"CN=a", b"/CN=a"), NAMES, (b"!",)),
    "named_in_a_log": Worst(
        f"retrust.x509.dn {PRIME}logged_dn {PRIME}plain_dn {PRIME}carried_dn {PRIME}signatures retrust.logs.carriers",
        (b"CN=a",),
        (*NAMES, b"\n", b"\n- ", b"#012", b"\\n", b"- CN=", b"TOFU"),
        (b"!",),
    ),
    "log": Worst(
        f"{PRIME}signatures {PRIME}logged_dn {PRIME}plain_dn {PRIME}carried_dn "
        "retrust.logs.carriers retrust.logs.records",
        (b"",),
        (
            SENTENCE[:75],
            b"[HealthMonitorThread]",
            SENTENCE[-100:],
            b"\x1b[",
            b"\x1b]",
            b'{"a":',
            b"[{",
            b"2025-03-14T09:26:53Z stdout P ",
            b"\0",
            b"MESSAGE\n",
            b"__CURSOR=\n",
        ),
        (SENTENCE,),
    ),
    "listing": Worst(
        f"{PRIME}listing {PRIME}ha_status",
        (b"", b"host="),
        (b" ", b"host=", b"host=a_1; subject=b\n", b"a_", b"_1", b"-", b"total ", b"\n", b"\r", b"a/", b"a"),
        (b"", b"!", b"; subject=x"),
    ),
    "syslog": Worst(
        "retrust_plugins.syslog.messages",
        (b"", b"<1>1 - a b c d "),
        (b"1", b"a", b" ", b"[a]", b"[", b"1 <", b"a:", b"<1>", b"Mar 1 00:00:00 a ", b"/", b"\n", b"\0"),
    ),
    "timestamp": Worst(
        "retrust.logs.timestamps",
        (b"", b"Mar "),
        (
            b" ",
            b"1",
            b"Mar 1 ",
            b"00:00:00 ",
            b"2025-",
            b"[1741944413589]",
            b"a",
            b"Aa ",
            b"20250314T092653",
            b"-",
            b"\xff",
        ),
    ),
    "cloud_event": Worst(
        "retrust_plugins.webhook.messages", (b"", b'{"a":'), (b"[", b'{"a":', b'"', b"1", b"%41", b" ")
    ),
    "known_hosts": Worst(
        "retrust_plugins.openssh.known_hosts",
        (b"", b"@revoked "),
        (b"a", b" ", b"\t", b"*", b"a,", b"|", b"|1|", b"web1 ssh-ed25519 AAAA\n", b"\n", b"a a a\n", b"#"),
    ),
    "certificate": Worst(
        "retrust.x509.certificates retrust.x509.files",
        (b"", b"-----BEGIN CERTIFICATE-----\n"),
        (b"a", b"A", b" ", b"-", b"-----BEGIN A-----", b"-----END A-----", b"0\x80", b"\x30\x02", b"\0", b"SHA256:"),
    ),
}


def steps(name: str, data: bytes, folder: Path) -> int:
    with counting(*WORST[name].loaded()) as counter:
        PARSERS[name](data, folder)
    return counter.steps


@pytest.mark.slow
@pytest.mark.parametrize("name", WORST)
def test_work_grows_with_the_length(name: str, folder: Path) -> None:
    """Four times the input is about four times the work, on the inputs that make patterns go back most.

    Those that made a square of it before they were fixed: blanks in a name that was cut, in a pin's key, carriage
    returns in a list, and PEM blocks that begin and do not end.
    """
    if sys.gettrace() is not None:
        pytest.skip("something else traces this run")
    found = []
    for head, pump, tail in WORST[name].each():
        short, long = (steps(name, head + pump * n + tail, folder) for n in (40, 160))
        if long > 6 * short:
            found.append(f"{head!r} + {pump!r} * n + {tail!r}: {short} steps, then {long}")
    assert found == []
