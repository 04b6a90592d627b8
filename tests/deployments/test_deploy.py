"""`retrust deploy` writes from an installed wheel what the checkout has, and overwrites nothing."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, unpacked: a folder for PYTHONPATH in place of the checkout's."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(folder / done.stdout.split()[-1]) as wheel:
        wheel.extractall(folder / "unpacked")
    return folder / "unpacked"


def deployed(installed: Path, form: str, to: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from retrust.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, "deploy", form, "--to", str(to)],
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"},
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("systemd", {"systemd/retrust-serve.service", "env/retrust.env.example", "alerts.yaml"}),
        ("compose", {"compose.yaml", "Containerfile", "databases.sql", "requirements.lock", "prefect.yaml"}),
        ("kubernetes", {"kubernetes/retrust.yaml", "Containerfile", "requirements-scale.lock"}),
    ],
)
def test_an_installed_wheel_has_all_of_it(installed: Path, tmp_path: Path, form: str, files: set[str]) -> None:
    """Every file that the form names, and what a container is built from, is there; a second time changes nothing."""
    done = deployed(installed, form, tmp_path)
    assert done.returncode == 0, done.stderr
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files <= written
    (tmp_path / "alerts.yaml").write_text("mine")
    again = deployed(installed, form, tmp_path)
    assert (again.returncode, (tmp_path / "alerts.yaml").read_text()) == (0, "mine")


def test_units_name_this_installation(installed: Path, tmp_path: Path) -> None:
    """A unit starts the programs of the installation that wrote it."""
    assert deployed(installed, "systemd", tmp_path).returncode == 0
    unit = (tmp_path / "systemd" / "retrust-serve.service").read_text()
    assert f"ExecStart={Path(sys.executable).parent}/retrust serve" in unit
    assert "LimitNOFILE=" in unit


def test_the_image_copies_only_what_is_written() -> None:
    """Each file that the Containerfile copies is written beside it, the wheel apart, which the user puts there."""
    lines = (ROOT / "deployments" / "Containerfile").read_text().splitlines()
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    assert copied == {"requirements.lock", "requirements-scale.lock", "retrust-*.whl", "prefect.yaml"}


def test_alerts_name_metrics_that_there_are() -> None:
    """A rule over a metric that nobody exports would never fire."""
    from retrust_flows.service.metrics import Metrics

    exported = Metrics().text().decode()
    rules = yaml.safe_load((ROOT / "deployments" / "alerts.yaml").read_text())["groups"][0]["rules"]
    named = {word for rule in rules for word in rule["expr"].replace("(", " ").split() if word.startswith("retrust_")}
    for name in named:
        assert f"# TYPE {name.partition('{')[0].partition('[')[0]} " in exported, name


def test_a_form_that_there_is_not(installed: Path, tmp_path: Path) -> None:
    """The forms there are, are named."""
    done = deployed(installed, "nomad", tmp_path)
    assert (done.returncode, "systemd, compose, kubernetes" in done.stderr) == (2, True)
