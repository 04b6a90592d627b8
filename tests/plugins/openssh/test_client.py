"""The rules by which ssh decides, on input that no server and no file should hold."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retrust_plugins.openssh.client import ALGORITHMS, PLAIN, asked_for, decide
from retrust_plugins.openssh.known_hosts import parse

TYPES = (*PLAIN, "ssh-rsa", "ssh-dss", *ALGORITHMS, "ssh-crystal")


def string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


@given(
    kind=st.sampled_from(TYPES),
    rest=st.lists(st.binary(max_size=70), max_size=9),
    tail=st.binary(max_size=9),
    marker=st.sampled_from(("", "@cert-authority ", "@revoked ")),
)
@example(kind="ssh-rsa", rest=[b"\1", b"\0"], tail=b"", marker="")
@example(kind="ssh-rsa", rest=[b"\1\0\1", b"\xff" * 70], tail=b"", marker="")
def test_no_key_is_too_odd(kind, rest, tail, marker):
    """Whatever a line or a server shows as a key, ssh's rules have an answer; what is no key is never accepted."""
    blob = string(kind.encode()) + b"".join(map(string, rest)) + tail
    listing = parse(f"{marker}web1 {kind} {b64encode(blob).decode()}\n".encode())
    assert len(asked_for(listing, "web1", 22)) == len(ALGORITHMS)
    for port in (22, 2222):
        assert decide(listing, "web1", port, blob).status in ("accepted", "changed", "revoked", "unknown")
        assert decide(listing, "web2", port, blob).status == "unknown"


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(shown):
    """Bytes that are no key are unknown to every store."""
    assert decide(parse(b""), "web1", 22, shown).status == "unknown"


def test_the_order_without_knowledge():
    """Certificates first, then plain keys, as the client has it by default."""
    assert asked_for(parse(b""), "web1", 22) == ALGORITHMS
    assert ALGORITHMS[0] == "ssh-ed25519-cert-v01@openssh.com"
    assert "sk-ssh-ed25519-cert-v01@openssh.com" in ALGORITHMS


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
def test_a_line_with_a_key_that_is_none(kind):
    """A line whose bytes are no key of its type counts as no line."""
    blob = string(kind.encode()) + string(b"short")
    listing = parse(f"web1 {kind} {b64encode(blob).decode()}\n".encode())
    assert decide(listing, "web1", 22, blob).status == "unknown"
