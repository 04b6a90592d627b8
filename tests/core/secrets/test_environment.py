"""What a child process gets of our environment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from retrust.secrets.environment import child_environment


def test_a_child_sees_what_programs_need_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real child sees PATH and the locale; a password of ours it does not see."""
    monkeypatch.setenv("PRIME_PASSWORD", "hunter2-hunter2")
    monkeypatch.setenv("LC_TIME", "C")
    command = [sys.executable, "-c", "import os; print(dict(os.environ))"]
    seen = subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=True).stdout
    assert os.environ["PATH"] in seen
    assert "'LC_TIME': 'C'" in seen
    assert "PRIME_PASSWORD" not in seen
    assert "hunter2" not in seen


def test_a_prefix_lets_its_own_variables_through_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefix stands at the beginning of a name; a name that only holds it stays out."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1")
    monkeypatch.setenv("MY_PREFECT_TOKEN", "secret")
    assert "PREFECT_API_URL" not in child_environment()
    given = child_environment("PREFECT_")
    assert given["PREFECT_API_URL"] == "http://127.0.0.1"
    assert "MY_PREFECT_TOKEN" not in given
