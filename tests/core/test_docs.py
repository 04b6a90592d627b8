"""Documents that name parts of the code name all of them."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from retrust import hookspecs
from retrust.engine.loader import load_plugins

ROOT = Path(__file__).parents[2]


def test_every_hook_is_in_the_plugin_guide() -> None:
    """The guide's table lists each hook of hookspecs, and none that is not there."""
    listed = set(re.findall(r"^\| `(retrust_\w+)`", (ROOT / "docs/plugins.md").read_text(), re.MULTILINE))
    assert listed == {name for name in dir(hookspecs) if name.startswith("retrust_")}


def test_the_contract_of_each_hook_can_be_imported_by_a_plugin() -> None:
    """The guide's table names a contract by its flat module, or by the folder that names it in `__all__`."""
    page = (ROOT / "docs/plugins.md").read_text()
    for contract in re.findall(r"^\| `retrust_\w+` .*`(retrust\.[\w.]+)` \|$", page, re.MULTILINE):
        room, _, name = contract.rpartition(".")
        assert f"| `{room}` |" in page, contract
        assert hasattr(importlib.import_module(room), name), contract


def test_generated_documents_are_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make docs` would change nothing."""
    monkeypatch.syspath_prepend(ROOT)
    generate = importlib.import_module("docs.generate")
    for name, text in generate.generated(load_plugins()).items():
        assert (ROOT / "docs" / name).read_text() == text, f"docs/{name} is old: make docs"


def test_links_between_documents_lead_somewhere() -> None:
    """A relative link in README or docs names a file that is there."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_each_attacker_is_tried() -> None:
    """Every line of the table of attackers names a test, which is there and may run."""
    rows = re.findall(r"^\| Who .*", (ROOT / "docs/trust.md").read_text(), re.MULTILINE) + re.findall(
        r"^\| The same, .*", (ROOT / "docs/trust.md").read_text(), re.MULTILINE
    )
    assert len(rows) > 10
    for row in rows:
        ((name, file),) = re.findall(r"\[`(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)", row)
        assert f"def {name}(" in (ROOT / file).read_text(), row


def test_the_readme_is_one_screen() -> None:
    """One screen: what, two commands, how it works, where to read on."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 60
