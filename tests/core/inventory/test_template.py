"""The inventory that `retrust init` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from retrust.engine.loader import load_plugins
from retrust.inventory import load_inventory
from retrust.inventory.document import Document
from retrust.inventory.schema import schema
from retrust.inventory.template import TEMPLATE


@pytest.fixture(scope="module")
def targets() -> Any:
    return load_plugins().site_models


def test_the_template_fits_the_schema(targets: Any) -> None:
    """An editor marks nothing in what `retrust init` writes."""
    validator = jsonschema.Draft202012Validator(schema(targets))
    assert list(validator.iter_errors(Document("template", TEMPLATE).data)) == []


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
