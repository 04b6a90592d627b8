"""The collectors as a plugin."""

from __future__ import annotations

import subprocess
import sys

import retrust_plugins.evidence
from retrust.engine.loader import load_plugins


def test_collectors_of_the_design():
    """All seven collectors register under the words of the design, through the hook."""
    loaded = load_plugins(extra={"under-test": retrust_plugins.evidence}, entry_points=False)
    assert set(loaded.collectors) == {
        "vantage",
        "peer's end",
        "holder's end",
        "announced",
        "same key",
        "issued",
        "attested",
    }


def test_loading_imports_nothing_heavy():
    """A process that loads the plugin and asks for no evidence does not pay for cryptography."""
    code = (
        "import sys, retrust_plugins.evidence\n"
        "heavy = {'cryptography', 'pydantic', 'asyncio', 'ssl'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
