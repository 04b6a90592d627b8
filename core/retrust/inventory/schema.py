"""The inventory's JSON schema, so that editors complete keys and mark mistakes; ``retrust schema`` prints it.

A site's schema is that of the target it names. Rules between keys, and secrets' schemes, are checked on
loading only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from retrust.inventory.model import (
    ConsoleSettings,
    Defaults,
    LedgerSettings,
    NotificationSettings,
    Person,
    Policy,
    PrefectSettings,
    SigningSettings,
    Site,
    SourceEntry,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SECTIONS = (
    Person,
    SourceEntry,
    NotificationSettings,
    LedgerSettings,
    PrefectSettings,
    ConsoleSettings,
    SigningSettings,
    Defaults,
)
_REF = "#/$defs/{model}"


def schema(models: Mapping[str, type[Site]]) -> dict[str, Any]:
    """Draft 2020-12, for the sites of these targets."""
    kinds = {name: models[name] for name in sorted(models)}
    parts: list[type[BaseModel]] = [*_SECTIONS, *kinds.values()]
    refs, definitions = models_json_schema([(part, "validation") for part in parts], ref_template=_REF)
    ref = {part: refs[part, "validation"] for part in parts}
    defs = definitions["$defs"]
    for name, model in kinds.items():
        _shape_site(defs[_name(ref[model])], name, model.risk_classes)
    _without(defs[_name(ref[Person])], "name")
    return {
        "$schema": DIALECT,
        "title": "Retrust inventory",
        "type": "object",
        "additionalProperties": False,
        "required": ["sites"],
        "properties": {
            "sites": {
                "type": "object",
                "additionalProperties": _one_site({name: ref[model] for name, model in kinds.items()}),
            },
            "home": {"type": "string", "description": "Where state lives, if RETRUST_HOME does not say."},
            "people": {"type": "object", "additionalProperties": _person(ref[Person])},
            "sources": {"type": "array", "items": ref[SourceEntry]},
            "notifications": {"type": "array", "items": ref[NotificationSettings]},
            "ledger": ref[LedgerSettings],
            "prefect": ref[PrefectSettings],
            "console": ref[ConsoleSettings],
            "signing": ref[SigningSettings],
            "settings": ref[Defaults],
        },
        "$defs": defs,
    }


def _one_site(refs: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the named target alone, so that an editor tells that target's mistakes and no other's."""
    return {
        "type": "object",
        "required": ["target"],
        "properties": {"target": {"enum": list(refs), "description": "The kind of site; plugins add kinds."}},
        "allOf": [
            {"if": {"properties": {"target": {"const": name}}, "required": ["target"]}, "then": ref}
            for name, ref in refs.items()
        ],
    }


def _person(ref: dict[str, Any]) -> dict[str, Any]:
    roles = {"type": "array", "items": {"type": "string"}, "description": "The person's roles, in short."}
    return {"anyOf": [ref, roles, {"type": "string", "description": "The person's only role."}]}


def _shape_site(site: dict[str, Any], target: str, risk_classes: tuple[str, ...]) -> None:
    """Its name is the key above it, its target is this one, its policy's keys are risk classes."""
    _without(site, "name")
    site["properties"]["target"] = {"const": target}
    site["properties"]["policy"]["propertyNames"] = {"enum": [*Policy.model_fields, *risk_classes]}
    site.pop("title", None)


def _without(model: dict[str, Any], key: str) -> None:
    del model["properties"][key]
    model["required"] = [name for name in model.get("required", ()) if name != key]


def _name(ref: Mapping[str, Any]) -> str:
    return re.sub(r".*/", "", ref["$ref"])
