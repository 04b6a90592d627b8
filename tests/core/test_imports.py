"""What a command does not import: whoever only looks does not pay for the orchestrator, nor for the databases."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

HEAVY = ("prefect", "sqlalchemy", "alembic", "playwright", "fastapi", "httpx", "apprise")

WATCHED = """
import json, sys
from retrust.cli import main
try:
    main(sys.argv[2:])
finally:
    with open(sys.argv[1], "w") as file:
        json.dump(sorted({name.partition(".")[0] for name in sys.modules}), file)
"""


@pytest.fixture
def site(tmp_path: Path) -> dict[str, str]:
    """An inventory of one Prime pair that nobody answers for, so that a look goes all the way to the network."""
    inventory = tmp_path / "retrust.yaml"
    inventory.write_text(
        """
sites:
  campus:
    target: cisco-prime
    primary:
      host: 127.0.0.1
      health_monitor_port: 2
      ssh: {port: 1, username: admin, password: "env:PW", host_key: "SHA256:%s"}
    secondary:
      host: 127.0.0.1
      health_monitor_port: 4
      ssh: {port: 3, username: admin, password: "env:PW", host_key: "SHA256:%s"}
    ha: {authentication_key: "env:PW", email: [noc@example.com], driver: operator}
"""
        % (("A" * 43,) * 2)
    )
    return os.environ | {
        "PW": "never sent",
        "RETRUST_INVENTORY": str(inventory),
        "RETRUST_HOME": str(tmp_path / "home"),
    }


def imported(folder: Path, environment: dict[str, str], *arguments: str) -> tuple[set[str], int]:
    import json

    seen = folder / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(seen), *arguments],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return set(json.loads(seen.read_text())), done.returncode


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["check", "campus"], 1), (["check", "nowhere"], 2)])
def test_looking_imports_neither_orchestrator_nor_databases(
    tmp_path: Path, site: dict[str, str], arguments: list[str], code: int
) -> None:
    """`--help` and `check` import no Prefect, no SQLAlchemy and no browser."""
    modules, ended = imported(tmp_path, site, *arguments)
    assert ended == code
    assert not modules & set(HEAVY)


def test_help_imports_neither_ssh_nor_cryptography(tmp_path: Path, site: dict[str, str]) -> None:
    """`--help` imports nothing that connects."""
    modules, _ = imported(tmp_path, site, "--help")
    assert not modules & {"asyncssh", "cryptography", "yaml", "asyncio"}


def test_planning_imports_no_orchestrator(tmp_path: Path, site: dict[str, str]) -> None:
    """`plan` reads the ledger, and imports no Prefect and no browser before it needs a page."""
    modules, ended = imported(tmp_path, site, "plan", "campus")
    assert ended == 1
    assert not modules & {"prefect", "playwright"}
    assert "asyncssh" in modules


def test_the_core_has_few_rooms_few_arrows_and_no_circle() -> None:
    """A room is a module or folder of the core; whoever adds an arrow between two of them takes another one away."""
    graph = grimp.build_graph("retrust")
    rooms = graph.find_children("retrust")

    def room_of(module: str) -> str:
        return ".".join(module.split(".")[:2])

    arrows = {
        (room_of(module), room_of(imported))
        for module in graph.modules - {"retrust"}
        for imported in graph.find_modules_directly_imported_by(module) - {"retrust"}
        if room_of(module) != room_of(imported)
    }
    assert len(rooms) <= 32
    assert len(arrows) <= 130
    assert not graph.nominate_cycle_breakers("retrust")


def test_few_imports_stand_in_functions_and_each_gives_its_reason() -> None:
    """What is loaded late is named as `module:attribute` or by `lazily`; the exceptions are few."""
    root = Path(__file__).parents[2]
    late = []
    for file in (path for source in ("core", "flows", "plugins") for path in (root / source).rglob("*.py")):
        text = file.read_text()
        functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
        inside = {n.lineno for f in functions for n in ast.walk(f) if isinstance(n, (ast.Import, ast.ImportFrom))}
        late += [(f"{file.relative_to(root)}:{line}", text.splitlines()[line - 1]) for line in sorted(inside)]
    assert len(late) < 30
    assert [place for place, line in late if "  # " not in line] == []


BY_NAME = {"aiosqlite", "asyncpg", "python-multipart"}
"""Drivers of SQLAlchemy, and what FastAPI reads forms with: nobody imports them, and each of them is needed."""
NOT_OURS = {"pydantic-core", "pytest"}
"""A half of pydantic, which pins it, and what brings whoever uses the testing kit."""


def test_what_is_imported_is_declared_and_nothing_else() -> None:
    """The distribution's dependencies are those that its code imports itself."""
    root = Path(__file__).parents[2]
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    modules = set()
    for file in (path for source in ("core", "flows", "plugins") for path in (root / source).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    foreign = {name for name in modules - sys.stdlib_module_names if not name.startswith("retrust")}
    found = packages_distributions()
    imported = {re.sub("[-_.]+", "-", found[name][0]).lower() for name in foreign}
    assert {re.split(r"[\[<>=]", line)[0] for line in declared} == imported - NOT_OURS | BY_NAME
