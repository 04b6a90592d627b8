"""The lab as an inventory: the shape of `retrust.yaml`, and its secrets."""

from __future__ import annotations

import stat
from pathlib import Path

import yaml

from retrust_plugins.lab import IseSettings, Lab, LabSettings


def _text(path: str) -> str:
    return Path(path).read_text()


async def test_shape(start):
    """Addresses, ports and fingerprints are the running ones; secrets are references."""
    lab = await start(LabSettings(ise=(IseSettings(), IseSettings(hostname="ISE-two"))))
    site = yaml.safe_load(lab.inventory("here"))["sites"]["here"]
    assert site["target"] == "cisco-prime"
    assert site["primary"]["ssh"] == {
        "port": lab.primary.ssh.port,
        "username": "admin",
        "password": "env:LAB_HERE_PRIMARY_PASSWORD",
        "host_key": lab.primary.host_key_fingerprint,
    }
    assert site["primary"]["web"]["fingerprint"] == lab.primary.web_fingerprint
    assert site["secondary"]["host"] == lab.secondary.host
    assert "web" not in site["secondary"]
    assert [ise["password"] for ise in site["ise"]] == ["env:LAB_HERE_ISE_1_PASSWORD", "env:LAB_HERE_ISE_2_PASSWORD"]
    assert lab.environment("here")["LAB_HERE_HA_KEY"] == lab.authentication_key


async def test_no_secret_is_in_it_and_all_differ(lab):
    """A leak can be searched for."""
    secrets = list(lab.secrets.values())
    assert len(set(secrets)) == len(secrets) == 5
    assert not any(secret in lab.inventory() for secret in secrets)


async def test_written_secrets_are_private(lab, tmp_path):
    """`write` keeps each secret in a file that only its owner reads, and may be called again."""
    for _ in range(2):
        path = lab.write(tmp_path / "kept")
    site = yaml.safe_load(path.read_text())["sites"]["campus"]
    assert _text(site["primary"]["ssh"]["password"].removeprefix("file:")) == lab.primary.password
    for file in (tmp_path / "kept" / "secrets").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_site_ca_is_named(start, tmp_path):
    """A lab with a site CA names its bundle, so that certificates can be judged by it."""
    lab = await start(chain="site-ca")
    site = yaml.safe_load(lab.write(tmp_path).read_text())["sites"]["campus"]
    assert _text(site["trust"]["ca"]) == lab.ca_pem


async def test_the_core_reads_it(start, tmp_path):
    """The inventory's own models take what the lab writes."""
    from retrust.engine.loader import load_plugins
    from retrust.inventory import load_inventory

    lab = await start(LabSettings().with_nodes(host_key_types=("ssh-ed25519", "ecdsa-sha2-nistp256")))
    assert list(load_inventory(lab.write(tmp_path), load_plugins().site_models).sites) == ["campus"]


async def test_temporary_folder_is_removed():
    """A lab without a folder of its own leaves nothing behind."""
    async with Lab(LabSettings(web=False)) as lab:
        folder = lab.folder
        assert (folder / "primary" / "hm-0-0.log").exists()
    assert not folder.exists()
