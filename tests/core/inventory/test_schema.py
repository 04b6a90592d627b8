"""The JSON schema for editors, and the inventory that `retrust init` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from retrust.engine.loader import load_plugins
from retrust.inventory import load_inventory
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


def test_the_template_fits_the_schema(validator: Any) -> None:
    """An editor marks nothing in what `retrust init` writes."""
    assert list(validator.iter_errors(template())) == []


def test_the_template_is_an_inventory(tmp_path: Path, targets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `retrust init` writes loads as it stands, with none of its secrets there."""
    for name in ("PI_PASSWORD", "PI_WEB_PASSWORD", "PI_HA_KEY", "ISE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "retrust.yaml"
    path.write_text(TEMPLATE, encoding="utf-8")
    assert list(load_inventory(path, targets).sites) == ["campus"]


def test_the_template_s_comments_are_an_inventory_too(tmp_path: Path, targets: Any) -> None:
    """Every commented key may be uncommented: a person does just that."""
    lines = []
    for line in TEMPLATE.splitlines():
        bare = line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line
        is_key = bare.strip().partition(":")[0].replace("-", "_").isidentifier() and ": " in bare + " "
        lines.append(bare if is_key and "server" not in bare.partition(":")[0] else line)
    text = "\n".join(line for line in lines if not line.strip().startswith(("In its place", "For editors")))
    for key in ("virtual_ip:", "policy:", "people:", "settings:", "maintenance: true", "address:", "timeouts:"):
        assert any(line.strip().startswith(key) for line in text.splitlines()), key
    path = tmp_path / "retrust.yaml"
    path.write_text(text, encoding="utf-8")
    inventory = load_inventory(path, targets)
    assert inventory.sites["campus"].maintenance
    assert inventory.people["bob"].roles == ("network", "security")


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
