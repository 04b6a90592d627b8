"""Reading ``retrust.yaml``: find it, read it, and say everything that is wrong with it at once.

A problem reads ``file:line: dotted.path: what is wrong``; it never quotes a value, since what stands in a
wrong place may be a secret. Sites are read by the models of the targets that they name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from retrust.errors import InventoryError
from retrust.inventory.document import Document, Loc, dotted
from retrust.inventory.model import Inventory, Site
from retrust.inventory.problems import Problem, close, problems_of

if TYPE_CHECKING:
    from retrust.target import Target

M = TypeVar("M", bound=BaseModel)

FILE = "retrust.yaml"
ENVIRONMENT = "RETRUST_INVENTORY"
_INHERITED = ("clocks", "recurrence", "policy")


def find_inventory(path: Path | None = None) -> Path:
    """``--inventory``, then RETRUST_INVENTORY, then ``./retrust.yaml``."""
    return path or Path(os.environ.get(ENVIRONMENT) or FILE)


def load_inventory(path: Path | None, targets: Mapping[str, Target], *, schemes: Iterable[str] = ()) -> Inventory:
    """Read and validate; raises ``InventoryError`` with all problems. ``schemes`` are those of plugins' secrets."""
    found = find_inventory(path)
    document = Document(str(found), _read(found))
    context = {"folder": found.absolute().parent, "schemes": frozenset(schemes)}
    _raise(document.file, [f"{document.file}:{line}: {text}" for line, text in sorted(document.faults)])
    problems: list[Problem] = []
    inventory = _build(document.data, targets, context, problems)
    if inventory is None or problems:
        _raise(document.file, _placed(problems, document))
    assert inventory is not None
    inventory._document = document
    inventory._context = context
    return inventory


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise InventoryError(f"there is no inventory {path}", hint="`retrust init` writes one; --inventory or "
                             f"{ENVIRONMENT} name another") from None
    except OSError as exc:
        raise InventoryError(f"the inventory cannot be read: {exc.strerror}", where=str(path)) from None
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise InventoryError("the inventory is not UTF-8 text", where=str(path),
                             problems=(f"{path}:{line}: not UTF-8 text",)) from None


def _build(data: Any, targets: Mapping[str, Target], context: dict[str, Any], problems: list[Problem]
           ) -> Inventory | None:
    if data is None:
        problems.append(((), "is empty; `retrust init` writes a commented one"))
        return None
    if not isinstance(data, dict):
        problems.append(((), "must be a mapping with the key sites"))
        return None
    rest = {key: value for key, value in data.items() if key != "sites"}
    if isinstance(rest.get("people"), dict):
        rest["people"] = {name: _person(name, value, problems) for name, value in rest["people"].items()}
    inventory = _validated(Inventory, {**rest, "sites": {}}, (), context, problems)
    if "sites" not in data:
        problems.append((("sites",), "is missing"))
        return None
    sites = _sites(data["sites"], rest.get("settings") if inventory else None, targets, context, problems)
    return inventory.model_copy(update={"sites": sites}) if inventory else None


def _person(name: str, value: Any, problems: list[Problem]) -> Any:
    if isinstance(value, (list, str)):
        value = {"roles": value}
    return _named(("people",), name, value, problems)


def _named(above: Loc, name: str, value: Any, problems: list[Problem]) -> Any:
    """The mapping with its key as ``name``, which it must not give itself."""
    if not isinstance(value, dict):
        return value
    if "name" in value:
        problems.append(((*above, name, "name"), "unknown key; the name is the key above"))
    return {**value, "name": name}


def _sites(raw: Any, settings: Any, targets: Mapping[str, Target], context: dict[str, Any],
           problems: list[Problem]) -> dict[str, Site]:
    if not isinstance(raw, dict):
        problems.append((("sites",), "must be a mapping from names to sites"))
        return {}
    sites = {}
    for name, value in raw.items():
        model = _site_model(name, value, targets, problems)
        if model is not None:
            given = _inherit(_named(("sites",), name, value, problems), settings)
            site = _validated(model, given, ("sites", name), context, problems)
            if site is not None:
                sites[name] = site
    return sites


def _site_model(name: str, value: Any, targets: Mapping[str, Target], problems: list[Problem]
                ) -> type[Site] | None:
    loc: Loc = ("sites", name)
    if not name or any(c in name for c in "/\\:") or not name.isprintable() or name != name.strip():
        problems.append((loc, "a site's name must be printable, without / \\ : and blanks around it"))
    loaded = f"loaded: {', '.join(sorted(targets)) or 'none'}"
    if not isinstance(value, dict):
        problems.append((loc, "must be a mapping of keys"))
    elif "target" not in value:
        problems.append((loc, f"target is missing; {loaded}"))
    elif not isinstance(value["target"], str) or value["target"] not in targets:
        problems.append(((*loc, "target"), f"no plugin provides this target; {loaded}"
                         f"{close(value['target'], targets)}"))
    else:
        return targets[value["target"]].site_model
    return None


def _inherit(site: dict[str, Any], settings: Any) -> dict[str, Any]:
    """The site with what ``settings`` gives for every site, where the site itself does not say it."""
    given = settings if isinstance(settings, dict) else {}
    merged = dict(site)
    for key in _INHERITED:
        general, own = given.get(key), site.get(key, {})
        if isinstance(general, dict) and isinstance(own, dict):
            merged[key] = {**general, **own}
    return merged


def _validated(model: type[M], data: Any, loc: Loc, context: dict[str, Any], problems: list[Problem]) -> M | None:
    try:
        return model.model_validate(data, context=context)
    except ValidationError as exc:
        problems.extend(problems_of(exc, model, data, loc))
        return None


def parse_part(model: type[M], data: Mapping[str, Any], loc: Sequence[str | int], document: Document | None,
               context: dict[str, Any]) -> M:
    """One part by a plugin's model, as ``Inventory.parse`` offers it."""
    problems: list[Problem] = []
    part = _validated(model, dict(data), tuple(loc), context, problems)
    if part is None:
        _raise(document.file if document else FILE, _placed(problems, document))
    assert part is not None
    return part


def _placed(problems: Iterable[Problem], document: Document | None) -> list[str]:
    """Each problem behind the place it is at, in the order of the text."""
    if document is None:
        return [f"{dotted(loc)}: {text}" for loc, text in problems]
    placed = []
    for loc, text in problems:
        line, there = document.locate(loc)
        path = f"{dotted(there)}: " if there else ""
        missing = f"{dotted(loc[len(there):])} " if text.startswith("is missing") else ""
        placed.append((line, f"{document.file}:{line}: {path}{missing}{text}"))
    return [text for _, text in sorted(placed, key=lambda item: item[0])]


def _raise(file: str, lines: Sequence[str]) -> None:
    if lines:
        many = f"{len(lines)} problems" if len(lines) > 1 else "a problem"
        raise InventoryError(f"{many} in the inventory {file}", problems=tuple(dict.fromkeys(lines))) from None
