"""The text of a known_hosts file, read and changed byte for byte."""

from __future__ import annotations

import shutil
import subprocess

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust_plugins.openssh.known_hosts import as_openssh_prints, parse, pins, replace_line


def public(key_type="ssh-ed25519"):
    return " ".join(asyncssh.generate_private_key(key_type).export_public_key().decode().split()[:2])


def test_plain_entries_are_pins():
    """Every plain entry is one pin: the line as it stands, the hosts and the key's type as its key."""
    one, two = public(), public("ecdsa-sha2-nistp256")
    content = f"web1,10.0.0.21 {one} note of ours\n[db1]:2222 {two}\n".encode()
    listed = list(pins("bastion", parse(content).entries, {}))
    assert [pin.key for pin in listed] == ["web1,10.0.0.21 ssh-ed25519", "[db1]:2222 ecdsa-sha2-nistp256"]
    assert listed[0].line == f"web1,10.0.0.21 {one} note of ours"


def test_other_lines_are_no_pins():
    """Authorities, revoked keys, comments and lines that cannot be read are nobody's first use."""
    content = f"# comment\n\n@cert-authority *.example.com {public()}\n@revoked * {public()}\nweb1 ssh-ed25519 no\n"
    listing = parse(content.encode())
    assert listing.entries == ()
    assert len(listing.revoked) == 1
    assert listing.unread == (5,)


def test_a_type_that_is_not_the_keys_is_unread():
    """A line whose words name another type than its key holds is not believed."""
    assert parse(f"web1 ssh-rsa {public().split()[1]}\n".encode()).unread == (1,)


def test_fingerprint_as_openssh_prints_it():
    """The fingerprint for people is the one that ssh-keygen shows."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    line = f"web1 {key.export_public_key().decode()}".encode()
    assert as_openssh_prints(parse(line).entries[0].fingerprint) == key.get_fingerprint()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's ssh-keygen is not installed")
def test_names_that_openssh_hashed(tmp_path):
    """A name hashed by OpenSSH itself is recognised, with and without a port, and no other is."""
    file = tmp_path / "known_hosts"
    file.write_text(f"Web1.example.com {public()}\n[10.0.0.21]:2222 {public()}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", file], check=True, capture_output=True)
    first, second = parse(file.read_bytes()).entries
    assert first.hosts.startswith("|1|")
    assert first.names_only(["web1.example.com"])
    assert not first.names_only(["web2.example.com"])
    assert second.names_only(["[10.0.0.21]:2222"])
    assert not second.names_only(["10.0.0.21"])


def test_keys_that_would_be_the_same():
    """Lines that share hosts and type are told apart by the key, and keep their names in a later listing."""
    lines = [f"web1 {public()}" for _ in range(2)]
    known: dict[str, str] = {}
    both = [pin.key for pin in pins("bastion", parse("\n".join(lines).encode()).entries, known)]
    left = [pin.key for pin in pins("bastion", parse(lines[1].encode()).entries, known)]
    assert len(set(both)) == 2
    assert left == both[1:]


def test_replacing_keeps_the_rest():
    """One line changes its key; hosts, blanks, comment, line ends and all other bytes stay."""
    old, new = public(), public("ecdsa-sha2-nistp256")
    content = f"# ours\r\nweb1  {old}   a note\r\nweb2 {old}\n".encode() + b"caf\xe9 last line"
    entry = next(e for e in parse(content).entries if e.hosts == "web1")
    line = entry.with_key("ecdsa-sha2-nistp256", parse(f"x {new}".encode()).entries[0].blob)
    assert line == f"web1  {new}   a note"
    assert replace_line(content, entry.line, line) == content.replace(
        f"web1  {old}".encode(), f"web1  {new}".encode())


def test_replacing_by_what_is_there_already():
    """Where the new line is in the file, the old one is left out, however often it is there."""
    old, new = f"web1 {public()}", f"web1 {public()}"
    content = f"{old}\n{new}\n{old}\n".encode()
    assert replace_line(content, old, new) == f"{new}\n".encode()


@given(st.binary(max_size=300))
def test_no_content_is_too_odd(content):
    """Any bytes can be read, and replacing a line that is not there changes none of them."""
    parse(content)
    assert replace_line(content, "web1 ssh-ed25519 AAAA", "web1 ssh-ed25519 BBBB") == content
