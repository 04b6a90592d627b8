"""How Chromium is found and started; what it reaches is tried with a whole appliance in the plugin's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retrust.browser.chromium import PROGRAMS, _turns, arguments, chromium_version, elsewhere, find_chromium
from retrust.browser.relay import PinnedRelay
from retrust.errors import PermanentError
from retrust.models import Endpoint

ORIGIN = Endpoint(host="prime.example", port=443)


@pytest.mark.parametrize(
    ("url", "leaves"),
    [
        ("https://prime.example/", False),
        ("https://PRIME.example:443/a?b", False),
        ("https://prime.example", False),
        ("data:text/plain,x", False),
        ("http://prime.example/", True),
        ("https://prime.example:8443/", True),
        ("https://prime.example.evil/", True),
        ("https://prime.example@evil/", True),
        ("https://primeXexample/", True),
        ("wss://prime.example/", True),
        ("file:///etc/passwd", True),
        ("https://evil/?https://prime.example/", True),
    ],
)
def test_a_request_elsewhere_is_told_by_scheme_host_and_port(url: str, leaves: bool) -> None:
    """Whatever else stands in the address."""
    assert bool(elsewhere(ORIGIN).search(url)) is leaves


def _program(folder: Path, name: str) -> str:
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program)


def test_the_program_that_is_named_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first that there is, and else Playwright's own; a wrong name never falls back to another program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("RETRUST_CHROMIUM", raising=False)
    assert find_chromium() is None
    programs = [_program(tmp_path, name) for name in reversed(PROGRAMS)]
    assert find_chromium() == programs[-1]
    monkeypatch.setenv("RETRUST_CHROMIUM", programs[0])
    assert find_chromium() == programs[0]
    monkeypatch.setenv("RETRUST_CHROMIUM", "no-such-program")
    with pytest.raises(PermanentError, match="names no-such-program"):
        find_chromium()


async def test_one_name_resolves_and_one_key_is_trusted() -> None:
    """The relay's; no proxy of the environment is asked."""
    async with PinnedRelay(ORIGIN, name=ORIGIN.host, node="primary", fingerprint="SHA256:0") as relay:
        given = arguments(ORIGIN, relay)
        assert f"--ignore-certificate-errors-spki-list={relay.key_digest}" in given
        assert f"--host-resolver-rules=MAP {ORIGIN} 127.0.0.1:{relay.port}, MAP * ~NOTFOUND" in given
        assert "--no-proxy-server" in given
        assert ("--no-sandbox" in given) is (os.geteuid() == 0)


@pytest.mark.parametrize("said", ["0", "-1", "many", ""])
async def test_a_wrong_number_of_browsers_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with what to give."""
    monkeypatch.setenv("RETRUST_BROWSERS", said)
    with pytest.raises(PermanentError, match="give 1 or more"):
        _turns()


@pytest.mark.browser
async def test_a_browser_that_starts_tells_its_version_and_one_that_does_not_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do about it."""
    assert (await chromium_version())[0].isdigit()
    monkeypatch.setenv("RETRUST_CHROMIUM", _program(tmp_path, "broken"))
    with pytest.raises(PermanentError, match="Chromium did not start"):
        await chromium_version()
