"""The lab as an inventory: what a person would write in ``retrust.yaml`` about these servers.

It is written from the lab's own knowledge, as plain YAML; the models that read it are the core's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import yaml

from retrust_plugins.lab.ise import IseNode
from retrust_plugins.lab.node import PrimeNode
from retrust_plugins.lab.settings import LabSettings

Reference = Callable[[str], str]


class Servers(Protocol):
    """The lab, as an inventory describes it."""

    @property
    def settings(self) -> LabSettings: ...

    @property
    def folder(self) -> Path: ...

    @property
    def ca_pem(self) -> str | None: ...

    @property
    def authentication_key(self) -> str: ...

    @property
    def primary(self) -> PrimeNode: ...

    @property
    def secondary(self) -> PrimeNode: ...

    @property
    def ise(self) -> list[IseNode]: ...

    @property
    def dna_center(self) -> list[IseNode]: ...


def secrets_of(lab: Servers) -> dict[str, str]:
    found = {
        "primary-password": lab.primary.password,
        "secondary-password": lab.secondary.password,
        "web-password": lab.primary.web_password,
        "ha-key": lab.authentication_key,
    }
    return found | {f"{ise.name}-password": ise.password for ise in lab.ise}


def site_of(lab: Servers, reference: Reference, ca: Path | None = None) -> dict[str, Any]:
    """One site of an inventory; ``reference`` turns a secret's name into what stands for it."""
    primary = _prime(lab.primary, reference("primary-password"))
    if lab.settings.web:
        primary["web"] = {
            "port": lab.primary.web.port,
            "username": lab.primary.web_username,
            "password": reference("web-password"),
            "fingerprint": lab.primary.web_fingerprint,
        }
    site: dict[str, Any] = {
        "target": "cisco-prime",
        "primary": primary,
        "secondary": _prime(lab.secondary, reference("secondary-password")),
        "ha": {
            "authentication_key": reference("ha-key"),
            "email": ["noc@example.com"],
            "failover": "manual",
            "driver": "browser",
        },
        "ise": [
            {
                "host": ise.host,
                "port": ise.port,
                "username": ise.username,
                "password": reference(f"{ise.name}-password"),
            }
            for ise in lab.ise
        ],
        # The lab answers at once; an appliance is given more time, by the defaults.
        "timeouts": {"still": "300ms", "settle": "30s", "ise_poll": "2s"},
        "trust": {"watch": "1s"},
    }
    if lab.dna_center:
        site["dna_center"] = [{"host": center.host, "port": center.port} for center in lab.dna_center]
    if ca is not None:
        site["trust"] |= {"ca": str(ca), "tunnels": "auto"}
    return site


def _prime(node: PrimeNode, password: str) -> dict[str, Any]:
    keys = node.host_key_fingerprints
    return {
        "host": node.host,
        "health_monitor_port": node.health_port,
        "ssh": {
            "port": node.ssh.port,
            "username": node.username,
            "password": password,
            "host_key": keys[0] if len(keys) == 1 else keys,
        },
    }


def _variable(site: str, name: str) -> str:
    return re.sub(r"\W", "_", f"LAB_{site}_{name}").upper()


def by_environment(lab: Servers, site: str) -> str:
    ca = None
    if lab.ca_pem:
        ca = lab.folder / "site-ca.pem"
        ca.write_text(lab.ca_pem)
    return _dump({site: site_of(lab, lambda name: f"env:{_variable(site, name)}", ca)})


def environment_of(lab: Servers, site: str) -> dict[str, str]:
    return {_variable(site, name): value for name, value in secrets_of(lab).items()}


def write(lab: Servers, folder: Path, site: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder.resolve() / "secrets"
    kept.mkdir(mode=0o700, exist_ok=True)
    for name, value in secrets_of(lab).items():
        _write_private(kept / name, value)
    ca = folder.resolve() / "site-ca.pem" if lab.ca_pem else None
    if ca is not None and lab.ca_pem:
        ca.write_text(lab.ca_pem)
    inventory = folder / "retrust.yaml"
    inventory.write_text(_dump({site: site_of(lab, lambda name: f"file:{kept / name}", ca)}))
    return inventory


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _dump(sites: dict[str, Any]) -> str:
    return yaml.safe_dump({"sites": sites}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
