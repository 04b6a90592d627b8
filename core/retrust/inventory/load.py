"""Reading ``retrust.yaml``: find it, read it, and say everything that is wrong with it at once.

A problem reads ``file:line: dotted.path: what is wrong``; it never quotes a value, since what stands in a
wrong place may be a secret. Sites are read by the models of the models that they name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from retrust.actors import person_key
from retrust.errors import InventoryError
from retrust.inventory.document import Document, Loc
from retrust.inventory.model import SECTIONS, Inventory, Person, Site
from retrust.inventory.problems import Problem, close, placed, raise_problems, validated

M = TypeVar("M", bound=BaseModel)

FILE = "retrust.yaml"
ENVIRONMENT = "RETRUST_INVENTORY"


def find_inventory(path: Path | None = None) -> Path:
    """``--inventory``, then RETRUST_INVENTORY, then ``./retrust.yaml``."""
    return path or Path(os.environ.get(ENVIRONMENT) or FILE)


def load_inventory(path: Path | None, models: Mapping[str, type[Site]], *, schemes: Iterable[str] = ()) -> Inventory:
    """Read and validate, or raise ``InventoryError`` with all problems.

    ``models`` are by target, ``schemes`` the plugins' secrets'.
    """
    found = find_inventory(path)
    document = Document(str(found), _read(found))
    context = {"folder": found.absolute().parent, "schemes": frozenset(schemes)}
    raise_problems(document.file, [f"{document.file}:{line}: {text}" for line, text in sorted(document.faults)])
    problems: list[Problem] = []
    parts = _parts(document.data, models, context, problems)
    raise_problems(document.file, placed(problems, document))
    return Inventory(**parts, document=document, context=context)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise InventoryError(
            f"there is no inventory {path}",
            hint=f"`retrust init` writes one; --inventory or {ENVIRONMENT} name another",
        ) from None
    except OSError as exc:
        raise InventoryError(f"the inventory cannot be read: {exc.strerror}", where=str(path)) from None
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise InventoryError(
            "the inventory is not UTF-8 text", where=str(path), problems=(f"{path}:{line}: not UTF-8 text",)
        ) from None


def _parts(
    data: Any, models: Mapping[str, type[Site]], context: dict[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    """The inventory's keys with their validated values; what is wrong is added to ``problems``."""
    if not isinstance(data, dict):
        problems.append(
            (
                (),
                "is empty; `retrust init` writes a commented one"
                if data is None
                else "must be a mapping with the key sites",
            )
        )
        return {}
    parts = {}
    for key, value in data.items():
        if key in SECTIONS:
            given = _people(value, problems) if key == "people" else value
            parts[key] = validated(SECTIONS[key], given, (key,), context, problems)
            if key == "people":
                problems.extend(_two_in_one(parts[key] or {}))
        elif key != "sites":
            problems.append(((key,), f"unknown key{close(key, [*SECTIONS, 'sites'])}"))
    if "sites" not in data:
        problems.append((("sites",), "is missing"))
    else:
        parts["sites"] = _sites(data["sites"], _general(data, parts), models, context, problems)
    return parts


def _general(data: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """What ``settings`` says for every site; nothing where it is wrong, so that this is told once."""
    return data["settings"] if parts.get("settings") else {}


def _people(value: Any, problems: list[Problem]) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _person(name, person, problems) for name, person in value.items()}


def _person(name: str, value: Any, problems: list[Problem]) -> Any:
    if isinstance(value, (list, str)):
        value = {"roles": value}
    return _named(("people",), name, value, problems)


def _two_in_one(people: Mapping[str, Person]) -> Iterator[Problem]:
    """What shows that somebody is one person shows no other; names that look the same are one name."""
    seen: dict[str, str] = {}
    for name, person in people.items():
        if not name.strip() or not name.isprintable() or name != name.strip():
            yield ("people", name), "a person's name must be printable, without blanks around it"
        for what, value in (
            ("name", person_key(name)),
            ("subject", person.subject and person.subject.strip()),
            *(("key", key) for key in person.ssh_keys),
        ):
            first = seen.setdefault(f"{what} {value}", name) if value is not None else name
            if first != name:
                yield ("people", name), f"has the {what} of {first}: two people are never shown by one"


def _named(above: Loc, name: str, value: Any, problems: list[Problem]) -> Any:
    """The mapping with its key as ``name``, which it must not give itself."""
    if not isinstance(value, dict):
        return value
    if "name" in value:
        problems.append(((*above, name, "name"), "unknown key; the name is the key above"))
    return {**value, "name": name}


def _sites(
    raw: Any,
    general: dict[str, Any],
    models: Mapping[str, type[Site]],
    context: dict[str, Any],
    problems: list[Problem],
) -> dict[str, Site]:
    if not isinstance(raw, dict):
        problems.append((("sites",), "must be a mapping from names to sites"))
        return {}
    sites = {}
    for name, value in raw.items():
        model = _site_model(name, value, models, problems)
        if model is not None:
            given = _inherit(_named(("sites",), name, value, problems), general)
            site = validated(model, given, ("sites", name), context, problems)
            if site is not None:
                sites[name] = site
    return sites


def _site_model(name: str, value: Any, models: Mapping[str, type[Site]], problems: list[Problem]) -> type[Site] | None:
    loc: Loc = ("sites", name)
    if not name or any(c in name for c in "/\\:") or not name.isprintable() or name != name.strip():
        problems.append((loc, "a site's name must be printable, without / \\ : and blanks around it"))
    loaded = f"loaded: {', '.join(sorted(models)) or 'none'}"
    if not isinstance(value, dict):
        problems.append((loc, "must be a mapping of keys"))
    elif "target" not in value:
        problems.append((loc, f"target is missing; {loaded}"))
    elif not isinstance(value["target"], str) or value["target"] not in models:
        problems.append(((*loc, "target"), f"no plugin provides this target; {loaded}{close(value['target'], models)}"))
    else:
        return models[value["target"]]
    return None


def _inherit(site: dict[str, Any], general: dict[str, Any]) -> dict[str, Any]:
    """The site with what holds for every site, where it does not say otherwise, key by key."""
    merged = dict(site)
    for key, given in general.items():
        own = site.get(key, {})
        if isinstance(own, dict):
            merged[key] = {**given, **own}
    return merged
