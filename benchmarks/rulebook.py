"""The direct peer, ansible-rulebook: from a webhook's event to the first task of a playbook.

It is installed into an environment of its own in a temporary folder, with the versions named here, and runs on the
system's Java. The task's first act is to write the time, so that the time that Ansible takes to copy and start a
module is not counted.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
from benchmarks.parts import Part, free_port, kept_running

PACKAGES = ("ansible-rulebook==1.3.2", "ansible-core==2.19.14")
TURNS = 12
LIMIT = 60.0
APART = 1.0

RULEBOOK = """
- name: renewals
  hosts: all
  sources:
    - eda.builtin.webhook: {{host: 127.0.0.1, port: {port}}}
  rules:
    - name: a certificate was renewed
      condition: event.payload.kind == "renewed"
      action:
        run_playbook: {{name: heal.yml}}
"""
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ lookup('ansible.builtin.pipe', 'date +%s.%N >> BEGAN') }}"
"""


class NoRulebook(Exception):
    """It cannot run on this machine."""


async def event_to_first_task(folder: Path) -> list[float]:
    """Seconds of each turn, one event at a time; ``NoRulebook`` says why there are none."""
    java = _java_home()
    tools = await asyncio.to_thread(_installed, folder / "venv")
    home = folder / "rulebook"  # all of it is copied for each playbook
    home.mkdir()
    port = free_port()
    began = home / "began"
    began.touch()
    (home / "rulebook.yml").write_text(RULEBOOK.format(port=port))
    (home / "heal.yml").write_text(PLAYBOOK.replace("BEGAN", str(began)))
    (home / "hosts").write_text("localhost ansible_connection=local\n")
    peer = Part(
        "ansible-rulebook",
        [str(tools / "ansible-rulebook"), "--rulebook", "rulebook.yml", "-i", "hosts"],
        _environment(home, tools, java),
        home,
    )
    async with kept_running([peer]), httpx.AsyncClient(trust_env=False) as client:
        await _listens(port, peer)
        return [await _turn(client, f"http://127.0.0.1:{port}/endpoint", began, n + 1) for n in range(TURNS)][1:]


async def _turn(client: httpx.AsyncClient, url: str, began: Path, count: int) -> float:
    at = time.time()
    (await client.post(url, json={"kind": "renewed"})).raise_for_status()
    async with asyncio.timeout(LIMIT):
        while True:
            await asyncio.sleep(0.02)
            if len(times := (await asyncio.to_thread(began.read_text)).split()) == count:
                break
    await asyncio.sleep(APART)
    return float(times[-1]) - at


def _java_home() -> Path:
    java = shutil.which("java")
    if java is None:
        raise NoRulebook("no Java is installed")
    return Path(java).resolve().parents[1]


def _installed(venv: Path) -> Path:
    """The folder of its commands."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    done = subprocess.run(
        [venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoRulebook(f"it cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return venv / "bin"


def _environment(home: Path, tools: Path, java: Path) -> Mapping[str, str]:
    return os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "JAVA_HOME": str(java),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }


async def _listens(port: int, peer: Part) -> None:
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if peer.starts > 1:
                    raise NoRulebook(f"it ended: {peer.said.strip().splitlines()[-1]}") from None
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return
