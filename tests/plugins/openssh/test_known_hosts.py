"""The text of a known_hosts file, read and changed byte for byte."""

from __future__ import annotations

import shutil
import subprocess
import sys
from base64 import b64encode

import asyncssh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrust_plugins.openssh.known_hosts import as_openssh_prints, change, name_at, parse, pins


def public(key_type="ssh-ed25519"):
    return " ".join(asyncssh.generate_private_key(key_type).export_public_key().decode().split()[:2])


def test_plain_entries_are_pins():
    """Every plain entry is one pin: the line as it stands, the hosts and the key's type as its key."""
    one, two = public(), public("ecdsa-sha2-nistp256")
    content = f"web1,10.0.0.21 {one} note of ours\n[db1]:2222 {two}\n".encode()
    listed = list(pins("bastion", parse(content).lines, {}))
    assert [pin.key for pin in listed] == ["web1,10.0.0.21 ssh-ed25519", "[db1]:2222 ecdsa-sha2-nistp256"]
    assert listed[0].line == f"web1,10.0.0.21 {one} note of ours"


def test_other_lines_are_no_pins():
    """Authorities, revoked keys, comments and lines that cannot be read are nobody's first use."""
    content = f"# comment\n\n@cert-authority *.example.com {public()}\n@revoked * {public()}\nweb1 ssh-ed25519 no\n"
    listing = parse(content.encode())
    assert listing.entries == ()
    assert [line.marker for line in listing.lines] == ["@cert-authority", "@revoked"]
    assert listing.unread == (5,)


def test_a_type_that_is_not_the_keys_is_unread():
    """A line whose words name another type than its key holds is not believed."""
    assert parse(f"web1 ssh-rsa {public().split()[1]}\n".encode()).unread == (1,)


def test_fingerprint_as_openssh_prints_it():
    """The fingerprint for people is the one that ssh-keygen shows."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    line = f"web1 {key.export_public_key().decode()}".encode()
    assert as_openssh_prints(parse(line).lines[0].fingerprint) == key.get_fingerprint()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's ssh-keygen is not installed")
def test_names_that_openssh_hashed(tmp_path):
    """A name hashed by OpenSSH itself is recognised, with and without a port, and no other is."""
    file = tmp_path / "known_hosts"
    file.write_text(f"Web1.example.com {public()}\n[10.0.0.21]:2222 {public()}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", file], check=True, capture_output=True)
    first, second = parse(file.read_bytes()).lines
    assert first.hosts.startswith("|1|")
    assert first.covers("web1.example.com")
    assert not first.covers("web2.example.com")
    assert second.covers("[10.0.0.21]:2222")
    assert not second.covers("10.0.0.21")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's ssh-keygen is not installed")
@settings(max_examples=25)
@given(
    hosts=st.lists(st.text("ab*?!,.[]:2|1=", min_size=1, max_size=9), min_size=1, max_size=40, unique=True),
    name=st.sampled_from(["a", "ab", "a.b", "[a]:2", "[a.b]:22", "1::2"]),
)
def test_lines_that_are_for_a_name(hosts, name, tmp_path):
    """Whatever patterns a file holds, the lines found for a name are those that OpenSSH finds."""
    file = tmp_path / "known_hosts"
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    file.write_text("".join(f"{field} {key}\n" for field in hosts))
    found = subprocess.run(["ssh-keygen", "-F", name, "-f", file], capture_output=True, text=True)
    theirs = [line.split(" ")[0] for line in found.stdout.splitlines() if not line.startswith("#")]
    assert [line.hosts for line in parse(file.read_bytes()).covering(name)] == theirs


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("Web1.Example.com", 22, "web1.example.com"),
        ("web1", 2222, "[web1]:2222"),
        ("2001:DB8:0::1", 22, "2001:db8::1"),
        ("2001:db8::1", 2222, "[2001:db8::1]:2222"),
    ],
)
def test_names_as_ssh_looks_them_up(host, port, name):
    """In lower case, addresses in their short form, the port where it is not 22."""
    assert name_at(host, port) == name


def calls(action) -> int:
    """How many functions an action calls."""
    counted = 0

    def count(frame, event, argument):
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("field", ["h{n}.example.com,192.0.2.1", "|1|" + "A" * 27 + "=|" + "A" * 27 + "=", "*.h{n}"])
def test_work_grows_with_the_lines(field):
    """Twice the lines are twice the work: to list, to find a name, and to change a line."""

    def work(number: int) -> int:
        text = "".join(f"{field.format(n=n)} ssh-ed25519 {key(n)} {n}\n" for n in range(number)).encode()

        def all_of_it() -> None:
            listing = parse(text)
            listed = list(pins("here", listing.entries, {}))
            for _ in range(3):
                listing.covering("h1.example.com")
            change(text, listed[-1].line, listed[0].line)

        return calls(all_of_it)

    assert work(2000) < 2.2 * work(1000)


def key(number: int) -> str:
    return b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + number.to_bytes(32, "big")).decode()


def test_keys_that_would_be_the_same():
    """Lines that share hosts and type are told apart by the key, and keep their names in a later listing."""
    lines = [f"web1 {public()}" for _ in range(2)]
    known: dict[str, str] = {}
    both = [pin.key for pin in pins("bastion", parse("\n".join(lines).encode()).lines, known)]
    left = [pin.key for pin in pins("bastion", parse(lines[1].encode()).lines, known)]
    assert len(set(both)) == 2
    assert left == both[1:]


def replaced(content: bytes, old: str, new: str) -> bytes:
    return change(content, old, new).applied(content)


def with_key(line: str, key: str) -> str:
    return parse(line.encode()).lines[0].with_key(key.split()[0], parse(f"x {key}".encode()).lines[0].blob)


def test_a_line_of_the_same_length_stays_in_its_place():
    """One line changes its key; hosts, blanks, comment, line ends and all other bytes stay."""
    old, new = public(), public()
    content = f"# ours\r\nweb1  {old}   a note\r\nweb2 {old}\n".encode() + b"caf\xe9 last line"
    line = f"web1  {old}   a note"
    assert with_key(line, new) == f"web1  {new}   a note"
    assert replaced(content, line, with_key(line, new)) == content.replace(
        f"web1  {old}".encode(), f"web1  {new}".encode()
    )


def test_a_shorter_line_stays_in_its_place():
    """Blanks fill the rest of the old line, so that no other line moves."""
    old, new = public("ecdsa-sha2-nistp256"), public()
    content = f"web1 {old} a note\r\nweb2 {old}".encode()
    after = replaced(content, f"web1 {old} a note", f"web1 {new} a note")
    assert len(after) == len(content)
    assert after == f"web1 {new} a note{' ' * (len(old) - len(new))}\r\nweb2 {old}".encode()
    assert parse(after).lines[0].line == f"web1 {new} a note"
    assert not change(after, f"web1 {old} a note", f"web1 {new} a note")


def test_a_longer_line_comes_last():
    """No line is moved: the new one is appended, whole, and the place of the old one is blank."""
    old, new = public(), public("ecdsa-sha2-nistp256")
    content = f"web1 {old} a note\r\nweb2 {old}".encode()
    after = replaced(content, f"web1 {old} a note", f"web1 {new} a note")
    blank = " " * len(f"web1 {old} a note")
    assert after == f"{blank}\r\nweb2 {old}\nweb1 {new} a note\r\n".encode()


@pytest.mark.parametrize("before", range(4090, 4100))
def test_no_line_is_written_over_a_page(before):
    """What is written over a line is in one page of the file; one that crosses a page is appended before it goes."""
    old, new = f"web1 {public()}", f"web1 {public()}"
    for start in (before, before - len(old), before - len(old) // 2):
        wanted = change(b"#" * (start - 1) + f"\n{old}\n".encode(), old, new)
        ((offset, stands, comes),) = wanted.over
        crosses = offset // 4096 != (offset + len(stands) - 1) // 4096
        assert crosses == (not comes.strip()) == bool(wanted.append)


def test_bytes_that_are_no_text_stay():
    """A note in another encoding comes out as it went in."""
    old, new = public(), public()
    content = f"web1 {old} ".encode() + b"caf\xe9\n"
    line = parse(content).lines[0].line
    assert replaced(content, line, with_key(line, new)) == f"web1 {new} ".encode() + b"caf\xe9\n"


def test_replacing_by_what_is_there_already():
    """Where the new line is in the file, the old one is made blank, however often it is there; then nothing is left."""
    old, new = f"web1 {public()}", f"web1 {public()}"
    content = f"{old}\n{new}\n{old}\n".encode()
    after = replaced(content, old, new)
    assert after.decode().split("\n") == [" " * len(old), new, " " * len(old), ""]
    assert not change(after, old, new)


@given(st.binary(max_size=300))
def test_no_content_is_too_odd(content):
    """Any bytes can be read, and replacing a line that is not there changes none of them."""
    parse(content)
    assert not change(content, f"web1 ssh-ed25519 {key(1)}", f"web1 ssh-ed25519 {key(2)}")
