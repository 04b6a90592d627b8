"""``retrust plugins new``: a package with one gate, its settings and its tests, to start from."""

from __future__ import annotations

import re
from pathlib import Path

from retrust.errors import UsageError

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["retrust"]

[project.entry-points.retrust]
{name} = "{package}"

[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
pythonpath = ["."]
"""

INIT = '''\
"""{name}: a gate of this site's own. The hooks are listed in `retrust.hookspecs`."""

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_gates():
    from {package}.gate import FreezeFile

    return [FreezeFile()]
'''

GATE = '''\
"""A gate that is shut while a file exists. A policy names it:

    policy: {{delete-pin: [{{gate: {name}, path: /etc/change-freeze}}]}}
"""

from pathlib import Path

from retrust.gates import Gate, GateSettings, Question
from retrust.models import GateState


class Settings(GateSettings):
    path: Path


class FreezeFile(Gate[Settings]):
    name = "{name}"
    settings_model = Settings

    async def state(self, question: Question[Settings]) -> GateState:
        path = question.settings.path
        if path.exists():
            return GateState(gate=self.name, state="shut", needs=f"{{path}} to be removed")
        return GateState(gate=self.name, state="open")
'''

TEST = '''\
from retrust.engine.loader import load_plugins
from retrust.testing.plans import a_question

import {package}
from {package}.gate import FreezeFile


async def test_shut_while_the_file_exists(tmp_path):
    """The gate is shut while the file exists, and says what it needs."""
    freeze = tmp_path / "freeze"
    question = a_question(FreezeFile(), {{"path": str(freeze)}})
    assert (await FreezeFile().state(question)).state == "open"
    freeze.touch()
    state = await FreezeFile().state(question)
    assert (state.state, state.needs) == ("shut", f"{{freeze}} to be removed")


def test_it_is_loaded():
    """Retrust accepts the plugin, beside its own."""
    assert "{name}" in load_plugins(extra={{"{name}-under-test": {package}}}, entry_points=False).gates
'''


def write_scaffold(name: str, folder: Path) -> Path:
    """Write the package ``name`` below ``folder``; nothing that exists is touched."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UsageError(f"{name!r} is no plugin name", hint="lower-case words and dashes, such as my-site")
    package, home = name.replace("-", "_"), folder / name
    files = {
        "pyproject.toml": PYPROJECT,
        f"{package}/__init__.py": INIT,
        f"{package}/gate.py": GATE,
        "tests/test_gate.py": TEST,
    }
    try:
        home.mkdir(parents=True)
    except FileExistsError:
        raise UsageError("exists already and is left as it is", where=str(home)) from None
    for path, text in files.items():
        (home / path).parent.mkdir(exist_ok=True)
        (home / path).write_text(text.format(name=name, package=package), encoding="utf-8")
    return home
