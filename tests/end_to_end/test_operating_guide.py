"""The operator's guide is executed: its tested commands work, in the order in which it gives them."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from retrust_plugins.lab import Lab, LabSettings

GUIDE = Path(__file__).parents[2] / "docs/operating.md"
EXPECTED = {"check": {0, 3}, "plan": {3}}
"""A look at a broken site says that a person is needed; whatever is not named here ends with 0."""


def commands_of_the_guide() -> list[str]:
    """The lines of the blocks that are marked as tested."""
    blocks = re.findall(r"<!-- tested -->\n```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.browser
@pytest.mark.prefect
async def test_the_guides_commands_work(prefect_api: str, tmp_path: Path) -> None:
    """A newcomer who types the guide's commands heals the lab's site."""
    async with Lab(LabSettings(ise=())) as lab:
        (tmp_path / "retrust.yaml").write_text(lab.inventory())
        environment = os.environ | lab.environment() | {"RETRUST_HOME": str(tmp_path / "home"),
                                                        "PREFECT_API_URL": prefect_api}
        await lab.secondary.renew()
        await lab.until(lambda: lab.primary.ha.mode == "HA Not Configured", "the pair notices")
        (tmp_path / "hm-0-0.log").write_text(lab.primary.log_text("hm"))
        commands = commands_of_the_guide()
        assert len(commands) >= 7
        for command in commands:
            words = shlex.split(command)
            assert words[0] == "retrust"
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *words, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT)
            said, _ = await process.communicate()
            assert process.returncode in EXPECTED.get(words[1], {0}), f"{command}\n{said.decode()}"
        assert lab.primary.ha.mode == "Primary Active"
