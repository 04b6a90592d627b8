"""What each part of an inventory may say, and the rules between its keys."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, ValidationError

from kit.inventories import SECRET, load, problems, site
from retrust.errors import InventoryError
from retrust.gates import GateSettings
from retrust.inventory import ConsoleSettings, Duration, Inventory, Part, Site
from retrust.secrets.stores import SecretRef


@pytest.mark.parametrize(
    "entry",
    [
        "{gate: ticket, password: %s}",
        "{gate: ticket, api: {auth_token: 'x:%s'}}",
        "{gate: ticket, all: [{client_secret: %s}]}",
    ],
)
def test_plugins_settings_hold_no_literal_secret(folder: Path, entry: str) -> None:
    """A literal under a key named as secrets are is refused before any plugin has seen it."""
    [line] = problems(site(f"policy: {{delete-pin: [{entry.replace('%s', SECRET)}]}}"))
    assert "must be a reference to a secret" in line
    assert SECRET not in line


def test_a_ledger_url_holds_no_password(folder: Path) -> None:
    """A password in a database URL is a literal secret."""
    for url in (f"postgresql://me:{SECRET}@db/x", f"postgresql://db/x?password={SECRET}"):
        assert problems(site() + f"ledger: {{url: '{url}'}}\n") == [
            "retrust.yaml:5: ledger.url: must not hold a password; give it as a reference in ledger.password"
        ]


class Approvals(GateSettings):
    approvers: int = Field(ge=1)
    valid: Duration = timedelta(hours=1)
    token: SecretRef | None = None


def test_a_plugins_settings_are_read_with_lines(folder: Path) -> None:
    """`Inventory.parse` applies a plugin's model: relative paths resolved, mistakes with file, line and key."""
    inventory = load(
        site("""
        policy:
          delete-pin:
            - gate: people
              approvers: 0
              vaild: 2h
            - {gate: people, approvers: 2, valid: 2h, token: file:tok}
        """)
    )
    wrong, right = inventory.sites["campus"].policy.gates["delete-pin"]
    loc = ("sites", "campus", "policy", "delete-pin")
    parsed = inventory.parse(Approvals, right.settings, *loc, 1)
    assert (parsed.approvers, parsed.valid) == (2, timedelta(hours=2))
    assert parsed.token is not None
    assert parsed.token.rest == str(folder / "tok")
    with pytest.raises(InventoryError) as caught:
        inventory.parse(Approvals, wrong.settings, *loc, 0)
    assert caught.value.problems == (
        "retrust.yaml:8: sites.campus.policy.delete-pin[0].approvers: must be at least 1",
        "retrust.yaml:9: sites.campus.policy.delete-pin[0].vaild: unknown key; did you mean valid?",
    )
    assert inventory.where(*loc, 0, "approvers") == "retrust.yaml:8: sites.campus.policy.delete-pin[0].approvers"


def test_an_inventory_without_a_file() -> None:
    """One that was built in memory has places too, without a line."""
    inventory = Inventory(sites={})
    assert inventory.file is None
    assert inventory.where("sites", "a", "peers", 0) == "sites.a.peers[0]"
    with pytest.raises(InventoryError) as caught:
        inventory.parse(Approvals, {}, "x")
    assert caught.value.problems == ("x.approvers: is missing",)


class Pair(Part):
    one: int = 0
    two: int = 0

    def rules(self) -> Any:
        if self.one:
            yield ("one",), "is of no use"
        if self.two:
            yield (), "is one too many"


def test_every_rule_that_is_broken_is_told_at_its_own_key() -> None:
    """Rules between keys are joined into one error of pydantic's, and taken apart again with their places."""
    inventory = Inventory(sites={})
    with pytest.raises(InventoryError) as caught:
        inventory.parse(Pair, {"one": 1, "two": 2}, "pair")
    assert caught.value.problems == ("pair.one: is of no use", "pair: is one too many")
    with pytest.raises(ValidationError, match="one: is of no use; is one too many"):
        Pair(one=1, two=2)


def test_a_part_is_frozen_and_deaf_to_other_keys() -> None:
    """What was read does not change; what nobody understands is not passed over."""
    part: Any = Pair(one=0)
    with pytest.raises(ValidationError, match="frozen"):
        part.one = 1
    with pytest.raises(ValidationError, match="three"):
        Pair.model_validate({"three": 3})


def test_a_target_may_add_risk_classes(folder: Path) -> None:
    """A policy may name the classes of its own kind of site, and no other."""

    class Rebooting(Site):
        risk_classes = (*Site.risk_classes, "reboot")

    policy = {"reboot": [{"gate": "people"}]}
    assert set(Rebooting.model_validate({"name": "a", "target": "b", "policy": policy}).policy.gates) == {"reboot"}
    with pytest.raises(ValidationError, match="reboot: unknown risk class; known: read, delete-pin"):
        Site.model_validate({"name": "a", "target": "b", "policy": policy})


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ({}, "http://127.0.0.1:8420"),
        ({"host": "::1", "port": 80}, "http://[::1]:80"),
        ({"host": "retrust.example.com", "certificate": "c.pem", "key": "k.pem"}, "https://retrust.example.com:8420"),
        ({"url": "https://retrust.example.com/"}, "https://retrust.example.com"),
    ],
)
def test_the_address_in_links_to_the_console(said: dict[str, Any], address: str) -> None:
    """Where it listens, unless it is named otherwise; never with a slash at its end."""
    assert ConsoleSettings.model_validate(said).address == address


ISSUER = "console.oidc.issuer: must be an https:// address"
URL = "must be a web address, such as https://retrust.example.com"
DATABASE = "must be a database URL, such as postgresql://retrust@db.example.com/retrust"


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ("console: {oidc: {issuer: 'https://id.example.com', client_id: x}}", None),
        ("console: {oidc: {issuer: 'http://127.0.0.1:8080/x', client_id: x}}", None),
        ("console: {oidc: {issuer: 'http://[::1]:8080/x', client_id: x}}", None),
        ("console: {oidc: {issuer: 'http://id.example.com', client_id: x}}", ISSUER),
        ("console: {oidc: {issuer: 'http://localhost.example.com', client_id: x}}", ISSUER),
        ("console: {oidc: {issuer: 'http://127.0.0.1@example.com', client_id: x}}", ISSUER),
        ("console: {oidc: {issuer: 'id.example.com', client_id: x}}", ISSUER),
        ("console: {url: retrust.example.com}", f"console.url: {URL}"),
        ("ledger: {url: ledger.db}", f"ledger.url: {DATABASE}"),
        ("notifications: [{url: env:A, on: []}]", "notifications[0].on: must name at least one"),
    ],
)
def test_sections_beside_the_sites(folder: Path, section: str, wrong: str | None) -> None:
    """Each says in one sentence what it must be."""
    if wrong is None:
        load(site() + section + "\n")
    else:
        assert problems(site() + section + "\n") == [f"retrust.yaml:5: {wrong}"]


def test_a_secret_that_stands_elsewhere_is_read_as_one_in_this_file(folder: Path) -> None:
    """A file's path is relative to the inventory, wherever the command runs."""
    assert load(site()).secret("file:pw").rest == str(folder / "pw")


def test_a_fingerprint_is_understood_as_people_write_it() -> None:
    """With colons or without, in capitals or not; the site's kind may know other spellings."""
    campus = Site(name="campus", target="box")
    assert campus.read_fingerprint("AB:" * 31 + "CD") == "SHA256:" + "ab" * 31 + "cd"
    with pytest.raises(ValueError, match="fingerprint"):
        campus.read_fingerprint("ab:cd")
