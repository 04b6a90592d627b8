"""``retrust deploy``: the files that run Retrust as a service elsewhere, as they are installed with it."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from retrust.cli import output
from retrust.errors import UsageError

FORMS = {
    "systemd": (
        ("systemd/*", "env/retrust.env.example", "env/prefect.env.example", "prefect.yaml", "alerts.yaml"),
        "copy *.service to /etc/systemd/system, env/retrust.env.example to /etc/retrust/retrust.env (mode 600)",
    ),
    "compose": (
        ("compose.yaml", "Containerfile", "databases.sql", "env/*", "prefect.yaml", "alerts.yaml", "*.lock"),
        "put the wheel retrust-{version}-py3-none-any.whl and your retrust.yaml there, and copy env/*.example",
    ),
    "kubernetes": (
        ("kubernetes/*", "Containerfile", "prefect.yaml", "alerts.yaml", "*.lock"),
        "build the image from the Containerfile, with the wheel retrust-{version}-py3-none-any.whl beside it",
    ),
}
"""What each form is made of, and what to do first."""
PROGRAMS = "/opt/retrust/bin/"
"""Where the units look for ``retrust``, unless this installation is elsewhere."""


def deploy(
    form: Annotated[str, typer.Argument(metavar="FORM", help="systemd, compose or kubernetes.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write into.")],
) -> None:
    """Write what runs Retrust as a service: units, containers or manifests. Files that exist are left as they are."""
    if form not in FORMS:
        raise UsageError(f"there is no form {form!r}", hint=f"one of: {', '.join(FORMS)}")
    patterns, first = FORMS[form]
    found = [path for pattern in patterns for folder in _folders() for path in sorted(folder.glob(pattern))]
    try:
        written = [_write(path, to) for path in found]
    except OSError as exc:
        raise UsageError(f"cannot be written: {exc.strerror}", where=str(exc.filename or to)) from exc
    output.show(str(path) for path in written)
    output.say(f"next: {first.format(version=version('retrust'))}; each file begins with what to do")


def _folders() -> tuple[Path, ...]:
    """Of an installed wheel; of a checkout, where the locks are one folder above."""
    installed = Path(__file__).with_name("deployments")
    checkout = Path(__file__).parents[2]
    return (installed,) if installed.is_dir() else (checkout / "deployments", checkout)


def _write(path: Path, to: Path) -> Path:
    folder = next(folder for folder in _folders() if path.is_relative_to(folder))
    there = to / path.relative_to(folder)
    there.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text()
    if path.suffix == ".service":
        text = text.replace(PROGRAMS, f"{Path(sys.executable).parent}/")
    try:
        with there.open("x") as file:
            file.write(text)
    except FileExistsError:
        output.say(f"{there} exists already and is left as it is")
    return there
