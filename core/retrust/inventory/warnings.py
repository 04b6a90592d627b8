"""What an inventory may say and seldom means: told by the commands, refused by none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from retrust.inventory.model import Inventory

if TYPE_CHECKING:
    from retrust.models import Endpoint


def inventory_warnings(inventory: Inventory, home: Path) -> tuple[str, ...]:
    """Each with its place: endpoints in two sites, files that are not there or that others can write."""
    return (
        *_in_two_sites(inventory),
        *_missing_files(inventory),
        *_writable_by_others(inventory),
        *_witness_at_home(inventory, home),
    )


def _in_two_sites(inventory: Inventory) -> Iterator[str]:
    seen: dict[Endpoint, str] = {}
    for name, site in inventory.sites.items():
        for node, endpoint in site.endpoints().items():
            first = seen.setdefault(endpoint, name)
            if first != name:
                yield f"{inventory.where('sites', name)}: {node} at {endpoint} is in the site {first} too"


def _missing_files(inventory: Inventory) -> Iterator[str]:
    for name, site in inventory.sites.items():
        for loc, path in _paths(site, ("sites", name)):
            if not path.exists():
                yield f"{inventory.where(*loc)}: there is no file {path}"


def _writable_by_others(inventory: Inventory) -> Iterator[str]:
    """Whoever can write the inventory can name other people, servers and certificates in it."""
    file = inventory.file
    if os.name == "posix" and file and Path(file).exists() and Path(file).stat().st_mode & 0o022:
        yield f"{file}: others can write this file; chmod go-w {file}"


def _witness_at_home(inventory: Inventory, home: Path) -> Iterator[str]:
    witness = inventory.ledger.witness
    if witness is not None and witness.resolve().is_relative_to(home.resolve()):
        yield (
            f"{inventory.where('ledger', 'witness')}: is in RETRUST_HOME, where whoever takes the ledger takes it, "
            "too; name a file on another machine"
        )


def _paths(value: Any, loc: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Path]]:
    if isinstance(value, Path):
        yield loc, value
    elif isinstance(value, BaseModel):
        for key in type(value).model_fields:
            yield from _paths(getattr(value, key), (*loc, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _paths(item, (*loc, index))
