"""Options that several verbs share: a site's name is completed by the shell, the inventory has three places."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kit.terminal import typed


def completed(line: str) -> list[str]:
    """What bash offers for the last word of the line."""
    words = line.split(" ")
    asked = {"_RETRUST_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "from retrust.cli import main; main()"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.stdout.split()


def test_a_shell_completes_a_site(here: Path) -> None:
    """Its names come from the inventory."""
    assert completed("retrust check la") == ["lab1"]


def test_a_shell_completes_nothing_without_an_inventory(here: Path) -> None:
    """No message comes in between what somebody types."""
    (here / "retrust.yaml").write_text("sites: [")
    assert completed("retrust check la") == []


def test_the_inventory_that_is_named_outweighs_the_variable(here: Path) -> None:
    """--inventory, before the verb or after it; then RETRUST_INVENTORY; then ./retrust.yaml."""
    assert typed("cases").exit_code == 0
    assert "there is no inventory b.yaml" in typed("cases", RETRUST_INVENTORY="b.yaml").stderr
    for words in (("cases", "--inventory", "a.yaml"), ("--inventory", "a.yaml", "cases")):
        assert "there is no inventory a.yaml" in typed(*words, RETRUST_INVENTORY="b.yaml").stderr
