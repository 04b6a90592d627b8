"""Kinds of value: what is accepted, how it is normalised, and that no input breaks them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from retrust.inventory import (
    CertificateFingerprint,
    Duration,
    Email,
    Host,
    HostKeys,
    Port,
    format_duration,
    parse_duration,
)


def read(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


def refused(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("10m", 600),
        ("72h", 259200),
        ("7d", 604800),
        ("1w", 604800),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1.5h", 5400),
        (90, 90),
        (0.25, 0.25),
    ],
)
def test_durations(text: Any, seconds: float) -> None:
    """Text with units, added up, or seconds as a number."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "m",
        "10 m",
        "-1s",
        "1y",
        "10m5",
        "1h,30m",
        True,
        None,
        [],
        "1e3s",
        0,
        -5,
        float("nan"),
        float("inf"),
        "99999999w",
        "9" * 400 + "s",
    ],
)
def test_no_durations(text: Any) -> None:
    """Without a unit, negative, zero, endless: refused."""
    assert "must be a duration" in refused(Duration, text)


@given(st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=3650)))
def test_durations_round_trip(duration: timedelta) -> None:
    """What is printed is read back, to the millisecond."""
    rounded = timedelta(milliseconds=round(duration / timedelta(milliseconds=1)))
    assert parse_duration(format_duration(duration)) == rounded


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "::1", "2001:db8::1", "pi", "prime-pri.example.com", "a_b.example", "xn--bcher-kva.example"]
)
def test_hosts(host: str) -> None:
    """Addresses and names are kept as they are written: they stand like this in TOFU keys."""
    assert read(Host, host) == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "10.0.0.300",
        "10.0.0",
        "1",
        "https://pi",
        "pi/24",
        "10.0.0.0/8",
        "pi:8082",
        "10.0.0.1:22",
        "[::1]",
        "[::1]:443",
        "fe80::1%eth0",
        "a b",
        "a..b",
        "-a",
        "a-",
        ".a",
        "a.",
        "a" * 64,
        "é",
        "a\n",
        "pi;x",
        10,
        None,
    ],
)
def test_no_hosts(host: Any) -> None:
    """URLs, ports, brackets, networks, scopes, numbers and characters that no name has: refused."""
    refused(Host, host)


def test_fingerprints_are_written_one_way() -> None:
    """However OpenSSL or a browser writes it, a certificate's fingerprint is `SHA256:` and lower-case hex."""
    digest = "ab" * 32
    colons = ":".join(["AB"] * 32)
    for text in (
        f"SHA256:{digest}",
        f"sha256:{digest.upper()}",
        f"SHA256:{colons}",
        colons,
        f"sha256 Fingerprint={colons}",
        digest,
    ):
        assert read(CertificateFingerprint, text) == f"SHA256:{digest}"
    assert "host key" in refused(CertificateFingerprint, "SHA256:" + "A" * 43)


def test_host_keys_are_one_or_several() -> None:
    """One fingerprint or a list of them, never an empty one."""
    key = "SHA256:" + "Az0+/" * 8 + "abc"
    assert read(HostKeys, key) == read(HostKeys, [key]) == (key,)
    refused(HostKeys, [])
    refused(HostKeys, key + "=")


@pytest.mark.parametrize("mail", ["a@b", "noc@example.com", "first.last+tag@sub.example.org", "root@localhost"])
def test_mail_addresses(mail: str) -> None:
    """One address of the usual form."""
    assert read(Email, mail) == mail


@pytest.mark.parametrize(
    "mail", ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b,c@d", "a@b;c@d", "A <a@b>", "a@b..c", "a@-b", "a@b-", "a@b\n"]
)
def test_no_mail_addresses(mail: str) -> None:
    """Names, lists and broken addresses: refused."""
    assert "e-mail address" in refused(Email, mail)


@pytest.mark.parametrize("port", [0, 65536, "22", True, 22.0, None])
def test_no_ports(port: Any) -> None:
    """A port is a whole number from 1 to 65535, and not text."""
    refused(Port, port)


@given(st.text() | st.binary() | st.none() | st.integers() | st.floats() | st.lists(st.text()))
def test_no_value_crashes_a_kind(value: Any) -> None:
    """Any value is read, and then read again the same, or refused by a validation error."""
    for kind in (Host, Duration, Email, CertificateFingerprint, HostKeys):
        try:
            found = read(kind, value)
        except ValidationError:
            continue
        assert read(kind, found) == found
