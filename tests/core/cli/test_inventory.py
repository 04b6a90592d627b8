"""`init` and `schema`: a first inventory, and what editors check it with."""

from __future__ import annotations

import json
from pathlib import Path

from kit.terminal import typed
from retrust.inventory.template import TEMPLATE


def test_init_writes_an_inventory_and_says_what_is_next(here: Path) -> None:
    """The file is the template, and the message names it."""
    done = typed("init", "mine.yaml")
    assert (done.exit_code, (here / "mine.yaml").read_text()) == (0, TEMPLATE)
    assert "wrote mine.yaml" in done.stderr
    assert "retrust check" in done.stderr


def test_init_writes_over_nothing(here: Path) -> None:
    """A file that is there is left as it is, whatever it holds."""
    (here / "retrust.yaml").write_text("mine")
    done = typed("init")
    assert (done.exit_code, "exists already and is left as it is" in done.stderr) == (2, True)
    assert (here / "retrust.yaml").read_text() == "mine"


def test_init_says_where_it_cannot_write(here: Path) -> None:
    """A folder that is not there is not made."""
    done = typed("init", "nowhere/retrust.yaml")
    assert (done.exit_code, "nowhere/retrust.yaml: cannot be written" in done.stderr) == (2, True)


def test_the_schema_knows_every_plugin_s_site(here: Path) -> None:
    """It is one JSON document on stdout, and needs no inventory."""
    (here / "retrust.yaml").unlink()
    done = typed("schema")
    assert done.exit_code == 0
    assert "sites" in json.loads(done.stdout)["properties"]
    assert all(target in done.stdout for target in ("openssh", "cisco-prime"))
