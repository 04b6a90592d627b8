"""The JSON schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from retrust.engine.loader import load_plugins
from retrust.inventory.document import Document
from retrust.inventory.schema import schema
from retrust.inventory.template import TEMPLATE

COMMITTED = Path(__file__).parents[3] / "docs" / "inventory.schema.json"


@pytest.fixture(scope="module")
def targets() -> Any:
    return load_plugins().site_models


@pytest.fixture(scope="module")
def validator(targets: Any) -> Any:
    return jsonschema.Draft202012Validator(schema(targets))


def template() -> Any:
    return Document("template", TEMPLATE).data


def test_the_committed_schema_is_the_code_s(targets: Any) -> None:
    """`docs/inventory.schema.json` is what the models say; `retrust schema` writes it anew."""
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == schema(targets)


def test_it_is_a_schema(validator: Any) -> None:
    """It is valid in its own dialect, 2020-12."""
    jsonschema.Draft202012Validator.check_schema(validator.schema)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda i: i.update(peple={}),
        lambda i: i["sites"]["campus"].update(colour="red"),
        lambda i: i["sites"]["campus"].update(name="other"),
        lambda i: i["sites"]["campus"].update(target="nothing"),
        lambda i: i["sites"]["campus"].pop("target"),
        lambda i: i["sites"]["campus"].pop("primary"),
        lambda i: i["sites"]["campus"]["primary"]["ssh"].update(port="22"),
        lambda i: i["sites"]["campus"]["primary"]["ssh"].update(password="hunter2"),
        lambda i: i["sites"]["campus"]["primary"].update(host="https://pi"),
        lambda i: i["sites"]["campus"].update(policy={"delte-pin": []}),
        lambda i: i["sites"]["campus"].update(clocks={"decision": "soon"}),
        lambda i: i["sites"]["campus"]["ha"].update(failover="auto"),
        lambda i: i.update(people={"alice": {"role": []}}),
    ],
)
def test_the_schema_refuses_what_loading_refuses(validator: Any, break_it: Any) -> None:
    """A mistake within one key is marked by an editor already."""
    inventory = template()
    break_it(inventory)
    assert list(validator.iter_errors(inventory))
