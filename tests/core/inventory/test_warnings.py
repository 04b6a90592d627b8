"""What an inventory may say and seldom means."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.inventories import KEY, load, site
from retrust.inventory.warnings import inventory_warnings


def test_warnings(folder: Path) -> None:
    """Told and not refused: an endpoint in two sites, a file that is not there."""
    ssh = f"{{username: a, password: env:PW, host_key: '{KEY}'}}"
    inventory = load(
        site("peers: [{host: 10.0.0.1}]\ntrust: {ca: ca.pem}")
        + f"  lab: {{target: box, ssh: {ssh}, peers: [{{host: 10.0.0.1}}]}}\n"
    )
    assert inventory_warnings(inventory, folder / "home") == (
        "retrust.yaml:7: sites.lab: peers[0] at 10.0.0.1:443 is in the site campus too",
        f"retrust.yaml:6: sites.campus.trust.ca: there is no file {folder}/ca.pem",
    )
    (folder / "ca.pem").touch()
    assert len(inventory_warnings(inventory, folder / "home")) == 1


@pytest.mark.parametrize(("witness", "is_said"), [("home/notes", True), ("home/a/../notes", True), ("notes", False)])
def test_a_witness_beside_the_ledger(
    folder: Path, monkeypatch: pytest.MonkeyPatch, witness: str, is_said: bool
) -> None:
    """What is kept in RETRUST_HOME bears no witness against whoever takes it; that is told."""
    monkeypatch.setenv("RETRUST_HOME", str(folder / "home"))
    inventory = load(site() + f"ledger: {{witness: {witness}}}\n")
    said = [
        text for text in inventory_warnings(inventory, folder / "home") if "ledger.witness: is in RETRUST_HOME" in text
    ]
    assert bool(said) == is_said


@pytest.mark.parametrize(("mode", "is_said"), [(0o644, False), (0o600, False), (0o664, True), (0o646, True)])
def test_an_inventory_that_others_can_write(folder: Path, mode: int, is_said: bool) -> None:
    """Whoever can write it can name other people and servers in it; that others can read it is no matter."""
    inventory = load(site())
    (folder / "retrust.yaml").chmod(mode)
    said = ("retrust.yaml: others can write this file; chmod go-w retrust.yaml",)
    assert inventory_warnings(inventory, folder / "home") == (said if is_said else ())


def test_a_node_named_twice_in_one_site_is_not_said(folder: Path) -> None:
    """A pair behind one address is its own affair."""
    inventory = load(site("peers: [{host: 10.0.0.1}, {host: 10.0.0.1}]"))
    assert inventory_warnings(inventory, folder / "home") == ()


def test_each_file_of_a_list_is_looked_for(folder: Path) -> None:
    """A path below a node is named by its own place."""
    inventory = load(site(ssh="{username: a, key_file: id_ed25519, known_hosts: kh}"))
    (folder / "kh").touch()
    assert inventory_warnings(inventory, folder / "home") == (
        f"retrust.yaml:4: sites.campus.ssh.key_file: there is no file {folder}/id_ed25519",
    )
