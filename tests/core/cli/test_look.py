"""`check`, `plan` and `impact` of a real SSH server on loopback, which a file of pins names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest
import yaml
from typer.testing import Result

from kit.terminal import typed


@dataclass
class Web1:
    """The server that lab1's file of pins names; ``renew`` gives it a new host key."""

    server: asyncssh.SSHAcceptor

    def renew(self) -> None:
        self.server.update(server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")])


def described(here: Path, port: int, **sites: str) -> None:
    """Sites of one server, each with its file of pins."""
    written = {
        name: {
            "target": "openssh",
            "holders": {"here": {"path": str(here / pins)}},
            "peers": {"web1": {"host": "127.0.0.1", "port": port}},
        }
        for name, pins in sites.items()
    }
    (here / "retrust.yaml").write_text(yaml.safe_dump({"sites": written}))


@pytest.fixture
async def web1(here: Path) -> AsyncIterator[Web1]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key]) as server:
        public = " ".join(key.export_public_key().decode().split()[:2])
        (here / "known_hosts").write_text(f"[127.0.0.1]:{server.get_port()} {public}\n")
        described(here, server.get_port(), lab1="known_hosts")
        yield Web1(server)


async def type_in(*words: str) -> Result:
    return await asyncio.to_thread(typed, *words)


async def test_a_healthy_site_is_one_line(here: Path, web1: Web1) -> None:
    """Exit code 0, and nothing that asks for a person."""
    done = await type_in("check")
    assert (done.exit_code, done.stdout) == (0, "lab1: healthy, 1 pin listed\n"), done.output


async def test_a_renewed_key_is_stale_and_needs_a_person(here: Path, web1: Web1) -> None:
    """Exit code 3 and the next command; JSON says the same of the pin, and nothing is written to the pins."""
    before = (here / "known_hosts").read_text()
    await type_in("check")
    web1.renew()
    done = await type_in("check", "lab1")
    assert (done.exit_code, "→ retrust plan lab1" in done.stdout) == (3, True), done.output
    told = json.loads((await type_in("check", "lab1", "--json")).stdout)
    assert [pin["verdict"] for pin in told["pins"]] == ["stale"]
    assert (here / "known_hosts").read_text() == before


async def test_one_site_that_cannot_be_read_hides_no_other(here: Path, web1: Web1) -> None:
    """Each is told, the bad one first, and the gravest exit code counts."""
    described(here, web1.server.get_port(), lab1="known_hosts", lab2="nowhere")
    done = await type_in("check")
    assert done.exit_code == 1, done.output
    assert "lab1: healthy" in done.stdout
    assert done.stdout.index("lab2: ") < done.stdout.index("lab1: healthy")


async def test_many_healthy_sites_are_counted(here: Path, web1: Web1) -> None:
    """More than ten lines of good news would hide the bad."""
    described(here, web1.server.get_port(), **{f"lab{n}": "known_hosts" for n in range(11)})
    done = await type_in("check")
    assert (done.exit_code, done.stdout) == (0, "11 sites are healthy\n"), done.output


async def test_a_plan_is_shown_with_its_digest(here: Path, web1: Web1) -> None:
    """Each step is there with what it sends; JSON has the same digest, and no pin is deleted."""
    await type_in("check")
    web1.renew()
    told = json.loads((await type_in("plan", "lab1", "--json")).stdout)
    shown = await type_in("plan", "lab1")
    assert f"plan  {told['digest']}" in shown.stdout
    assert f"- delete-pin {told['steps'][0]['argument']}" in shown.stdout
    assert (here / "known_hosts").read_text() != ""


async def test_the_impact_of_a_renewal_is_known_before(here: Path, web1: Web1) -> None:
    """The pins that would break are found by the node's name in the inventory; an unknown node is wrong usage."""
    done = await type_in("impact", "lab1", "--renew", "web1")
    assert (done.exit_code, "makes 1 pin stale" in done.stdout) == (0, True), done.output
    wrong = await type_in("impact", "lab1", "--renew", "web9")
    assert (wrong.exit_code, "has no node 'web9' that any pin is about" in wrong.stderr) == (2, True)
