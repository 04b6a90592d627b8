"""What ``deployments/`` starts elsewhere, held against what it starts: settings, commands, databases, units."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url

from retrust.ledger import Ledger
from retrust.testing.postgres import requires_postgres

FOLDER = Path(__file__).parents[2] / "deployments"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
KUBERNETES = yaml.safe_load((FOLDER / "kubernetes" / "retrust.yaml").read_text())["items"]
UNITS = sorted((FOLDER / "systemd").glob("*.service"))
EXAMPLES = sorted((FOLDER / "env").glob("*.example"))
OURS = {"RETRUST_HOME", "RETRUST_INVENTORY", "RETRUST_LEDGER_PASSWORD"}
"""The last one is the inventory's own reference."""


def containers() -> Iterator[dict[str, Any]]:
    for item in KUBERNETES:
        pod = item["spec"].get("template", {}).get("spec", {}) if "spec" in item else {}
        yield from pod.get("initContainers", [])
        yield from pod.get("containers", [])


def commands() -> set[tuple[str, ...]]:
    """Every command line of ours, wherever it stands."""
    units = (re.search(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE) for unit in UNITS)
    found = [service.get("command", []) for service in COMPOSE["services"].values()]
    found += [c["command"] for c in containers()]
    found += [m[1].replace("/opt/retrust/bin/", "").split() for m in units if m]
    return {tuple(words) for words in found if words and words[0] in ("prefect", "retrust")}


def settings() -> set[str]:
    """Every name of an environment variable that is Prefect's or ours."""
    files = [
        FOLDER / "compose.yaml",
        FOLDER / "kubernetes" / "retrust.yaml",
        FOLDER / "databases.sql",
        FOLDER / "Containerfile",
        *UNITS,
        *EXAMPLES,
    ]
    return {name for file in files for name in re.findall(r"\b(?:PREFECT|RETRUST)_[A-Z_]+\b", file.read_text())}


def test_every_setting_is_one_that_is_read() -> None:
    """A misspelt PREFECT_… or RETRUST_… would be ignored in silence."""
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_settings_fields

    known = _get_settings_fields(Settings).keys() | OURS | {"PREFECT_REDIS_MESSAGING_HOST"}
    assert settings() <= known


@cache
def helped(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words, "--help"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "200", "DO_NOT_TRACK": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("words", sorted(commands()), ids=" ".join)
def test_every_command_exists_with_its_options(words: tuple[str, ...]) -> None:
    """The verb is there, and its help names every option that is used."""
    program, *rest = (word for word in words if word != "--no-prompt")
    verb = [
        word
        for word in rest[: next((n for n, w in enumerate(rest) if w.startswith("-")), len(rest))]
        if word != "retrust"
    ]
    text = helped(program, *verb)
    assert [option for option in rest if option.startswith("--") and option not in text] == []


def test_every_file_of_the_image_is_there() -> None:
    """What a command names below /opt/retrust is among the files that the image is made of."""
    named = {word for words in commands() for word in words if word.startswith("/opt/retrust/")}
    assert named
    assert [path for path in named if not (FOLDER / path.removeprefix("/opt/retrust/")).is_file()] == []


def test_no_container_may_more_than_it_must() -> None:
    """Not root, no capability, a root file system that is not written to, no service account."""
    ours = [service for service in COMPOSE["services"].values() if service["image"] == "retrust"]
    assert all((s["read_only"], s["cap_drop"]) == (True, ["ALL"]) for s in ours)
    for container in containers():
        security = container["securityContext"]
        assert (security["readOnlyRootFilesystem"], security["capabilities"]) == (True, {"drop": ["ALL"]})
    for item in KUBERNETES:
        if "template" in item.get("spec", {}):
            pod = item["spec"]["template"]["spec"]
            assert (pod["securityContext"]["runAsNonRoot"], pod["automountServiceAccountToken"]) == (True, False)


def test_nothing_is_published_to_the_network() -> None:
    """Compose publishes on loopback only; the proxy of the site goes before it."""
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_what_a_part_is_told_it_may_know() -> None:
    """Prefect's servers never hear the sites' passwords, workers and the service never Prefect's database's."""
    told = {name: "".join(service.get("env_file", [])) for name, service in COMPOSE["services"].items()}
    assert {name for name, files in told.items() if "retrust.env" in files} == {
        "work-pool",
        "deploy",
        "worker",
        "serve",
    }
    assert {name for name, files in told.items() if "prefect.env" in files} == {
        "prefect-database",
        "prefect-api",
        "prefect-services",
    }
    retrust, prefect = ((FOLDER / "env" / f"{part}.env.example").read_text() for part in ("retrust", "prefect"))
    assert ("PREFECT_SERVER_DATABASE_PASSWORD" in retrust, "PI_PASSWORD" in prefect) == (False, False)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    """``systemd-analyze verify`` finds nothing, once the programs are where this machine has them."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    there = tmp_path / unit.name
    there.write_text(unit.read_text().replace("/opt/retrust/bin/", f"{Path(sys.executable).parent}/"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(there)], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if unit.name.replace("@", "@i") in line or unit.name in line]
    assert said == []


async def test_the_databases_are_apart(tmp_path: Path) -> None:
    """The script that compose hands to PostgreSQL makes two owners, and neither gets into the other's database."""
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    admin = make_url(requires_postgres().database())
    script = (FOLDER / "databases.sql").read_text()
    names = {"prefect": f"prefect_{admin.database}", "retrust": f"retrust_{admin.database}"}
    for name, ours in names.items():
        script = re.sub(rf"\b{name}\b", ours, script)

    def psql(user: str, password: str, database: str, text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["psql", "-v", "ON_ERROR_STOP=1", "-h", str(admin.host), "-p", str(admin.port), "-U", user, database],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ
            | {
                "PGPASSWORD": password,
                "PREFECT_SERVER_DATABASE_PASSWORD": "for-prefect",
                "RETRUST_LEDGER_PASSWORD": "for-ledger",
            },
        )

    made = psql(str(admin.username), str(admin.password), str(admin.database), script)
    assert made.returncode == 0, made.stderr
    prefect, retrust = names["prefect"], names["retrust"]
    assert psql(prefect, "for-prefect", prefect, "CREATE TABLE a (b int)").returncode == 0
    assert "permission denied" in psql(prefect, "for-prefect", retrust, "SELECT 1").stderr
    url = admin.set(username=retrust, password="for-ledger", database=retrust)
    async with await Ledger.open(url.render_as_string(hide_password=False), tmp_path) as ledger:
        assert (await ledger.head()).seq == 0
