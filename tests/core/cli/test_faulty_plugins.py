"""A plugin whose code fails under a command: it is named with its own line, and stops only what it must."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
from retrust.commands import Command
from retrust.hookspecs import hookimpl
from retrust.inventory import Site
from retrust.signatures import LogSignature
from retrust.target import Target

@hookimpl
def retrust_targets():
    return [Faulty()]

@hookimpl
def retrust_log_signatures():
    return [Unread()]

@hookimpl
def retrust_commands():
    return [Command("faulty", "a verb", "site_own_verb:faulty"), Command("gone", "a verb", "site_own:gone")]

class Unread(LogSignature):
    name, anchor = "unread", b"different"

    def read(self, window):
        raise KeyError("dn")

class Faulty(Target[Site]):
    name, site_model, stages = "faulty", Site, ("delete",)

    def holders(self, site):
        return ("here",)

    def locate(self, site, pin): ...
    def fits(self, site, sighting, pin, place): ...
    def steps(self, site, planned, snapshot, deleted): ...

    def connect(self, site, services):
        raise LookupError("no route table")
"""
INVENTORY = """
sites:
  broken: {target: faulty}
  quiet: {target: openssh, holders: {here: {path: known_hosts}}, peers: {web1: {host: 127.0.0.1, port: 1}}}
"""
LOG = (
    "java.security.cert.CertificateException: TOFU failed. Check local trust\n"
    "Current certificate of the remote host is different, subject=CN=web1, O=Site\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site_own.py").write_text(PLUGIN)
    (tmp_path / "site_own_verb.py").write_text("import sys\nsys.exit(0)\n")
    info = tmp_path / "site_own-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: site-own\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[retrust]\nsite-own = site_own\n")
    (tmp_path / "retrust.yaml").write_text(INVENTORY)
    (tmp_path / "known_hosts").touch()
    (tmp_path / "prime.log").write_text(LOG)
    return tmp_path


def retrust(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process where the plugin is installed."""
    return subprocess.run(
        [sys.executable, "-m", "retrust", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "RETRUST_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


def place(folder: Path, raised: str) -> str:
    """The one line of the plugin that raises this error."""
    [line] = [n for n, text in enumerate(PLUGIN.splitlines(), 1) if f"raise {raised}(" in text]
    return f"{folder / 'site_own.py'}:{line}"


def test_a_signature_that_raises_stops_no_log(folder: Path) -> None:
    """`event log` names plugin and signature, and keeps what the other signatures find."""
    done = retrust(folder, "event", "log", "prime.log")
    assert done.returncode == 0, done.stderr
    said, found = done.stderr.splitlines()
    assert said == (
        "plugin site-own: the log signature unread failed with KeyError: 'dn', at "
        f"{place(folder, 'KeyError')}; this piece of the log is read without it"
    )
    assert found.startswith("1 sighting: ")


def test_a_target_that_raises_stops_its_site_alone(folder: Path) -> None:
    """`check` says plugin, error and line at that site, looks at the others, and fails."""
    done = retrust(folder, "check")
    assert done.returncode == 1, done.stderr
    assert (
        "broken: plugin site-own: its code failed with LookupError: "
        f"no route table, at {place(folder, 'LookupError')} → retrust doctor broken\n"
        "  set RETRUST_DEBUG=1"
    ) in done.stdout
    assert "\nquiet: " in done.stdout


def test_a_target_that_raises_in_a_plan(folder: Path) -> None:
    """`plan` ends with the plugin's name and line, and no traceback."""
    done = retrust(folder, "plan", "broken")
    assert done.returncode == 1
    assert done.stderr.startswith("retrust: plugin site-own: its code failed with LookupError: no route table, at ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("faulty", "the verb `faulty` names 'site_own_verb:faulty': SystemExit: 0, at {}/site_own_verb.py:2\n"),
        ("gone", "the verb `gone` names 'site_own:gone': AttributeError: module 'site_own' has no attribute 'gone'\n"),
    ],
)
def test_a_verb_that_cannot_be_imported(folder: Path, verb: str, said: str) -> None:
    """A verb whose module fails, or has no such function, is told as an import is; exit code 2."""
    done = retrust(folder, verb)
    assert done.returncode == 2
    assert done.stderr.startswith("retrust: plugin site-own: " + said.format(folder))
