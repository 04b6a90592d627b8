"""What a line is about, and the step that heals it."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import asyncssh
import pytest
from pydantic import ValidationError

from retrust.inventory import load_inventory
from retrust.models import Finding, Snapshot, Verdict
from retrust.x509.dn import DistinguishedName
from retrust_plugins.openssh.hostkeys import HostKeys, presented
from retrust_plugins.openssh.known_hosts import change, parse, pins
from retrust_plugins.openssh.site import OpenSshSite
from retrust_plugins.openssh.target import OpenSsh

SSH = {"username": "ops", "password": "env:P", "host_key": "SHA256:" + "A" * 43}


def make_site(**changes):
    return OpenSshSite.model_validate(
        {
            "name": "s",
            "target": "openssh",
            "holders": {"bastion": {"host": "10.0.0.5", "ssh": SSH}, "here": {}},
            "peers": {
                "web1": {"host": "10.0.0.21", "aliases": ["web1", "Web1.example.com"]},
                "db1": {"host": "10.0.0.22", "port": 2222},
                "bastion": {"host": "10.0.0.5"},
            },
            **changes,
        }
    )


def make_pin(hosts, key=None):
    key = key or asyncssh.generate_private_key("ssh-ed25519")
    line = f"{hosts} {key.export_public_key().decode()}".strip()
    return next(pins("bastion", parse(line.encode()).lines, {}))


@pytest.mark.parametrize(
    ("hosts", "kind", "endpoint"),
    [
        ("10.0.0.21", "endpoint", "10.0.0.21:22"),
        ("web1,10.0.0.21", "endpoint", "10.0.0.21:22"),
        ("WEB1.EXAMPLE.COM", "endpoint", "10.0.0.21:22"),
        ("[10.0.0.22]:2222", "endpoint", "10.0.0.22:2222"),
        ("10.0.0.22", "unknown", "None"),
        ("[10.0.0.21]:2222", "unknown", "None"),
        ("web1,backup.example.com", "unknown", "None"),
        ("10.0.0.21,[10.0.0.22]:2222", "unknown", "None"),
        ("*.example.com", "unknown", "None"),
        ("web1,!web1.example.com", "unknown", "None"),
        ("10.0.0.5", "self", "None"),
        ("localhost,127.0.0.1", "self", "None"),
        ("[::1]:22", "self", "None"),
        ("10.0.0.99", "unknown", "None"),
    ],
)
def test_locate(hosts, kind, endpoint):
    """A line is about the one peer whose names it holds; with anyone else's name in it, it is left alone."""
    place = OpenSsh().locate(make_site(), make_pin(hosts))
    assert (place.kind, str(place.endpoint)) == (kind, endpoint)


def test_each_type_is_looked_at_by_itself():
    """An RSA line is compared with the server's RSA key, whatever others the server has."""
    place = OpenSsh().locate(make_site(), make_pin("web1", asyncssh.generate_private_key("ssh-rsa", key_size=2048)))
    assert place.prober == HostKeys.liking("ssh-rsa")
    assert place.relation == "ssh:bastion:web1"


def test_another_key_is_another_subject():
    """The engine compares subjects; two keys never share one, and a key always has the same."""
    one, two = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    pinned = DistinguishedName.parse(make_pin("web1", one).subject)
    assert pinned == DistinguishedName.parse(presented(one.public_data).subject)
    assert pinned != DistinguishedName.parse(presented(two.public_data).subject)


def test_the_step_shows_both_lines():
    """The step's text is the line that goes and the line that comes, exactly, and how to take it back."""
    old, new = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    pin = make_pin("web1,10.0.0.21", old)
    seen = presented(new.public_data)
    finding = Finding(pin=pin, presented=seen, verdict=Verdict.STALE)
    snapshot = Snapshot(site="s", target="openssh", observed_at=seen.not_before, findings=(finding,))
    (step,) = OpenSsh().steps(make_site(), [finding], snapshot, frozenset())
    comes = f"web1,10.0.0.21 {new.export_public_key().decode().strip()}"
    assert step.sends == (f"- {pin.line}", f"+ {comes}")
    assert step.undo == f"put the old line back: {pin.line}"
    assert step.expected == {pin.edge: seen.fingerprint}
    assert old.get_fingerprint() in step.before
    assert new.get_fingerprint() in step.after


def test_what_is_pinned_already_is_not_written():
    """A pin that a person included, and that holds the very key that is shown, gets no step: its line would go."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    pin, seen = make_pin("web1", key), presented(key.public_data)
    finding = Finding(pin=pin, presented=seen, verdict=Verdict.STALE)
    snapshot = Snapshot(site="s", target="openssh", observed_at=seen.not_before, findings=(finding,))
    assert OpenSsh().steps(make_site(), [finding], snapshot, frozenset()) == ()
    assert not change(pin.line.encode(), pin.line, pin.line)


def test_peers_that_share_a_name():
    """Two peers under one name cannot be told apart in a file, and the inventory is refused."""
    with pytest.raises(ValidationError, match="is known as web1, and so is web1"):
        make_site(peers={"web1": {"host": "web1"}, "web2": {"host": "10.0.0.22", "aliases": ["WEB1"]}})


def test_holder_without_address():
    """A holder that is reached over SSH needs an address."""
    with pytest.raises(ValidationError, match="is needed to reach it"):
        make_site(holders={"bastion": {"ssh": SSH}})


def test_peers_of_a_holder_are_peers_of_the_site():
    """A name among a holder's peers that is no peer is a wrong inventory."""
    with pytest.raises(ValidationError, match="web9 is no peer of this site"):
        make_site(holders={"here": {"peers": ["web1", "web9"]}})


@pytest.mark.parametrize(
    "text",
    [
        "SHA256:" + "q" * 42 + "8",
        "256 SHA256:" + "q" * 42 + "8 root@web1 (ED25519)",
        "SHA256:" + "q" * 42 + "8=",
        " SHA256:" + b64decode("q" * 42 + "8=").hex(),
    ],
)
def test_fingerprints_as_people_have_them(text):
    """The fingerprint as ssh-keygen prints it, alone or in its line, or in our own spelling."""
    assert make_site().read_fingerprint(text) == "SHA256:" + b64decode("q" * 42 + "8=").hex()


@pytest.mark.parametrize("text", ["", "SHA256:qqq", "MD5:" + ":".join(["ab"] * 16), "q" * 43])
def test_other_texts_are_no_fingerprints(text):
    """Anything else is refused."""
    with pytest.raises(ValueError, match="not a SHA-256 fingerprint"):
        make_site().read_fingerprint(text)


def test_the_inventory_in_the_documents(tmp_path):
    """The example of docs/openssh.md is an inventory that loads."""
    page = (Path(__file__).parents[3] / "docs/openssh.md").read_text()
    (tmp_path / "retrust.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    site = load_inventory(tmp_path / "retrust.yaml", {"openssh": OpenSsh.site_model}, schemes=()).sites["bastions"]
    assert isinstance(site, OpenSsh.site_model)
    assert site.holders["bastion"].path == (".ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
    assert list(site.known_by("bastion")) == ["web1"]
    assert list(site.known_by("here")) == ["web1", "db1"]
