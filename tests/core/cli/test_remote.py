"""A console's API from the command line: where a token goes, and where it never goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kit.terminal import typed


class Answering(ThreadingHTTPServer):
    """A web server that gives one answer, and keeps what it was asked with."""

    def __init__(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.tokens.append(self.headers.get("Authorization"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.tokens: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Answering:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


@pytest.fixture
def there() -> Iterator[Answering]:
    """A console with no case."""
    with Answering(200, b'{"cases": [], "person": "ann"}') as server:
        yield server


def login_file(here: Path) -> Path:
    return here / "config" / "retrust" / "login"


def kept(here: Path, text: str, mode: int = 0o600) -> None:
    file = login_file(here)
    file.parent.mkdir(parents=True)
    file.write_text(text)
    file.chmod(mode)


@pytest.mark.parametrize("url", ["http://192.0.2.1", "http://localhost.example.com", "ftp://127.0.0.1", "127.0.0.1"])
def test_a_token_goes_over_https_only(here: Path, url: str) -> None:
    """Plain HTTP is for this machine alone."""
    done = typed("cases", "--server", url, RETRUST_TOKEN="secret-x")
    assert (done.exit_code, "must be an https:// address" in done.stderr) == (2, True), done.output


def test_no_redirect_is_followed(here: Path, there: Answering) -> None:
    """It would carry the token to another server; it ends with an error, and the other server is not asked."""
    with Answering(307, Location=f"{there.url}/api/v1/cases") as first:
        done = typed("cases", "--server", first.url, RETRUST_TOKEN="secret-x")
    assert (done.exit_code, first.tokens, there.tokens) == (1, ["Bearer secret-x"], [])
    assert "secret-x" not in done.output


def test_a_login_is_kept_privately_and_forgotten(here: Path, there: Answering) -> None:
    """The file is the user's alone; commands go there until `logout`, or where an inventory is named."""
    assert typed("login", there.url, RETRUST_TOKEN="secret-x").exit_code == 0
    assert login_file(here).stat().st_mode & 0o777 == 0o600
    assert f"at {there.url}" in typed("cases").stderr
    asked = len(there.tokens)
    assert typed("cases", "--inventory", "retrust.yaml").exit_code == 0
    assert len(there.tokens) == asked
    assert typed("logout").exit_code == 0
    assert f"at {there.url}" not in typed("cases").stderr
    assert (login_file(here).exists(), len(there.tokens)) == (False, asked)


def test_a_kept_token_is_for_its_own_address(here: Path, there: Answering) -> None:
    """Another server gets none: the user is asked for a token of it."""
    kept(here, "https://retrust.example.com\nsecret-x\n")
    done = typed("cases", "--server", there.url)
    assert (done.exit_code, "--server needs a token" in done.stderr, there.tokens) == (2, True, [])


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("https://retrust.example.com\nsecret-x\n", 0o644, "others can read this token"),
        ("https://retrust.example.com\n", 0o600, "this file cannot be read"),
    ],
)
def test_a_file_that_is_not_sound_is_not_used(here: Path, text: str, mode: int, said: str) -> None:
    """A token that others can read may be in other hands: the user is told to revoke it."""
    kept(here, text, mode)
    done = typed("cases")
    assert (done.exit_code, said in done.stderr, "secret-x" in done.output) == (2, True, False), done.output


def test_what_is_no_console_is_said(here: Path) -> None:
    """A page in place of an object is an error with its status, and no traceback."""
    with Answering(200, b"<html>") as page:
        done = typed("cases", "--server", page.url, RETRUST_TOKEN="secret-x")
    assert (done.exit_code, "something that is not a console's" in done.stderr) == (1, True), done.output
