"""What can go wrong, through the command line: one clear message, the exit code, and one JSON object."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from datetime import timedelta

import pytest
import yaml

from kit.campus import person_at_the_pages
from retrust.approval.tokens import create_token
from retrust_plugins.lab.settings import LabSettings

pytestmark = pytest.mark.prefect

LIMIT = 100.0
CHECK = {"site", "observed_at", "pins", "relations", "problems"}
PLAN = CHECK | {"digest", "steps", "unseen", "gates"}
RUN = PLAN | {"case", "outcome", "message"}
PIN = {"holder", "key", "subject", "endpoint", "presented", "verdict", "reasons", "evidence"}
STEP = {"id", "kind", "holder", "argument", "risk", "undo", "when"}


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def object(self):
        """The one object on stdout."""
        return json.loads(self.out)

    @property
    def message(self) -> str:
        """The one message, with what to do about it."""
        said = self.err.split("retrust: ")
        assert len(said) == 2, self.err
        what, _, hint = said[1].partition("\n  → ")
        assert hint.strip(), self.err
        return f"{what} → {hint.strip()}"


@pytest.fixture
def retrust(prefect_api):
    """Runs a command as a user would; whoever it asks to register HA does."""

    async def running(site, *words, **more) -> Done:
        environment = (
            os.environ
            | {
                "RETRUST_HOME": str(site.home),
                "RETRUST_INVENTORY": str(site.inventory),
                "PREFECT_API_URL": prefect_api,
                "USER": "alice",
                "SUDO_USER": "",
            }
            | more
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "retrust",
            *words,
            env=environment,
            cwd=site.home.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(LIMIT):
            out, err = await asyncio.gather(process.stdout.read(), _listened(site, process.stderr))
            return Done(await process.wait(), out.decode(), err)

    return running


async def _listened(site, stream) -> str:
    press, said = person_at_the_pages(site.lab), []
    while line := (await stream.readline()).decode():
        said.append(line)
        press(line.strip())
    return "".join(said)


def assert_shape(done, keys=RUN):
    assert set(done.object) == keys
    assert all(set(pin) == PIN for pin in done.object["pins"])
    assert all(set(step) >= STEP for step in done.object.get("steps", ()))


# What goes well, as the measure of the rest ------------------------------------------------------


async def test_story(site, retrust, tmp_path):
    """check (kept once), plan, run, audit: 3, 3, 0, 0; the pack holds both listings and the transcripts."""
    await site.break_trust("secondary")
    checked = await retrust(site, "check", "--json")
    assert checked.code == 3
    assert_shape(checked, CHECK)
    assert (await retrust(site, "check", "--json")).code == 3
    (kept,) = await site.ledger.entries(kinds=["looked"])
    assert {f.pin.edge for f in (await site.ledger.last_look("campus")).findings if f.verdict == "stale"} == {
        site.edge("primary")
    }, kept
    planned = await retrust(site, "plan", "campus", "--json")
    assert planned.code == 3
    assert_shape(planned, PLAN)
    done = await retrust(site, "run", "campus", "--yes", "--json")
    assert (done.code, done.object["outcome"]) == (0, "healed"), done.err
    assert done.object["digest"] == planned.object["digest"]
    assert [step["kind"] for step in done.object["steps"]] == ["delete-pin", "register-ha"]
    assert_shape(done)
    again = await retrust(site, "run", "campus", "--json")
    assert (again.code, again.object["outcome"]) == (0, "healthy")
    exported = await retrust(site, "audit", "export", done.object["case"], "--to", str(tmp_path / "pack.zip"))
    assert exported.code == 0, exported.err
    _assert_pack(tmp_path / "pack.zip", site)
    for words in (("audit", "verify"), ("audit", "verify", str(tmp_path / "pack.zip"))):
        assert (await retrust(site, *words)).code == 0


async def test_story_with_people(site, retrust):
    """Nobody is alice by her account: the run is an unknown person's, and goes on when two who were shown said yes."""
    document = yaml.safe_load(site.inventory.read_text())
    document["people"] = {name: ["network"] for name in ("alice", "bob")}
    one = [{"gate": "people", "approvers": 1}]
    document["sites"]["campus"]["policy"] = {"accept_blind_first_use": True, "delete-pin": one, "interrupting": one}
    site.inventory.write_text(yaml.safe_dump(document))
    await site.break_trust("secondary")
    first = await retrust(site, "run", "campus", "--yes")
    assert (first.code, "nobody was shown to ask for this run" in first.err) == (3, True), first.err
    (case,) = await site.ledger.cases()
    assert (case.requested_by, case.planners) == ("unknown", ("unknown",))
    site.reload()
    for person, gate in (("alice", "gate people: shut"), ("bob", "gate people: open")):
        _, token = await create_token(site.ledger, site.engine.inventory, person, lasts=timedelta(hours=1), actor="cy")
        said = await retrust(site, "approve", case.id, "--reason", "seen", RETRUST_TOKEN=token)
        assert (said.code, gate in said.out) == (0, True), said
    again = await retrust(site, "run", "campus", RETRUST_TOKEN=token)
    assert (again.code, (await site.ledger.case(case.id)).state) == (0, "healed"), again.err


def _assert_pack(path, site):
    import zipfile

    with zipfile.ZipFile(path) as pack:
        names = pack.namelist()
        transcripts = [pack.read(name).decode() for name in names if name.endswith("primary.ssh.txt")]
    for moment in ("before", "after"):
        assert any(f"-{moment}/listing-primary.txt" in name for name in names)
        assert any(f"-{moment}/listing-secondary.txt" in name for name in names)
    assert any(f"deletecert host {site.lab.secondary.key}" in text for text in transcripts)
    assert not any(secret in text for secret in site.lab.secrets.values() for text in transcripts)


async def test_impact(site, retrust):
    """`impact` names the pins that a planned renewal will break, and changes nothing; an unknown node is exit 2."""
    done = await retrust(site, "impact", "campus", "--renew", "secondary", "--json")
    assert done.object == {
        "site": "campus",
        "renew": "secondary",
        "breaks": [{"holder": "primary", "key": site.lab.secondary.key, "relation": "ha"}],
    }
    assert (await retrust(site, "impact", "campus", "--renew", "tertiary")).code == 2
    assert site.writes == 0


# What goes wrong ---------------------------------------------------------------------------------


async def test_bad_inventory(site, retrust):
    """2: names file, line and key; stdout has the error as an object."""
    site.inventory.write_text(site.inventory.read_text().replace("  ha:", "  haa:").replace("    ha:", "    haa:"))
    done = await retrust(site, "run", "campus", "--json")
    assert (done.code, done.object["error"]["exit_code"]) == (2, 2)
    assert "retrust.yaml" in done.err
    assert "haa" in done.err


async def test_wrong_password(site, retrust):
    """1: names the node, and was tried once."""
    (site.inventory.parent / "secrets" / "primary-password").write_text("wrong")
    done = await retrust(site, "run", "campus", "--yes", "--json")
    assert (done.code, done.object["outcome"]) == (1, "failed")
    assert "primary" in done.message
    assert site.lab.primary.failed_logins == 1
    assert_shape(done)


async def test_changed_host_key(site, retrust):
    """4: names the node and both fingerprints; accepted by a person, the run goes on and heals."""
    node, was = site.lab.secondary, site.lab.secondary.host_key_fingerprint
    await node.redeploy()
    await site.broken()
    done = await retrust(site, "run", "campus", "--yes", "--json")
    assert (done.code, done.object["outcome"]) == (4, "refused")
    assert all(text in done.message for text in ("secondary", was, node.host_key_fingerprint))
    assert_shape(done)
    taken = await retrust(
        site,
        "accept",
        "campus",
        "secondary",
        "--kind",
        "host key",
        "--fingerprint",
        node.host_key_fingerprint,
        "--reason",
        "installed again last night",
    )
    assert taken.code == 0, taken.err
    assert (await retrust(site, "run", "campus", "--yes")).code == 0


async def test_secondary_down(site, retrust):
    """1: names the node; nothing is written. `plan` and `check` say the same."""
    await site.break_trust("secondary")
    await site.lab.secondary.ssh.close()
    for verb, keys in (("run", RUN), ("plan", PLAN), ("check", CHECK)):
        done = await retrust(site, verb, "campus", "--json")
        assert done.code == 1
        assert "secondary" in done.object["problems"][0]
        assert_shape(done, keys)
    assert site.writes == 0


async def test_silent_endpoint(site, retrust):
    """1: names the endpoint; nothing is written."""
    await site.break_trust("secondary")
    site.lab.secondary.health.failure = "refuse"
    done = await retrust(site, "run", "campus", "--yes", "--json")
    assert done.code == 1
    assert f"{site.lab.secondary.host}:{site.lab.secondary.health_port}" in done.message
    assert site.writes == 0


async def test_delete_without_effect(start, retrust):
    """1: names the pin that is still listed; the delete was sent once."""
    site = await start(change=lambda it: it["timeouts"].update(operator=1))
    await site.settle_in()
    await site.break_trust("secondary")
    site.lab.primary.settings.store.deletecert = "no-effect"
    done = await retrust(site, "run", "campus", "--yes", "--json")
    assert (done.code, done.object["outcome"]) == (1, "failed")
    assert site.edge("primary") in done.message
    assert site.deletes()["primary"] == 1


async def test_unlisted_mode(site, retrust):
    """1: quotes the mode that nobody knows, and HA is not registered."""
    await site.break_trust("secondary")
    site.lab.primary.ha.force("Primary Gardening")
    done = await retrust(site, "run", "campus", "--yes", "--json")
    assert done.code == 1
    assert "'Primary Gardening'" in done.message
    assert site.lab.primary.ha.registrations == 0


async def test_contradicted(site, retrust):
    """4: names holder and reason; no option helps, and `plan` shows no steps."""
    site.lab.intercept(("primary", "secondary"))
    await site.broken()
    done = await retrust(site, "run", "campus", "--yes", "--accept-unproven", "--json")
    assert (done.code, done.object["outcome"]) == (4, "refused")
    assert "primary" in done.message
    assert_shape(done)
    planned = await retrust(site, "plan", "campus", "--json")
    assert (planned.code, planned.object["digest"], planned.object["steps"]) == (4, None, [])
    assert site.writes == 0


async def test_waiting(site, retrust):
    """3: says which gate waits for what, and how to open it; nothing is written."""
    await site.break_trust("secondary")
    done = await retrust(site, "run", "campus", "--json")
    assert (done.code, done.object["outcome"]) == (3, "waiting")
    assert [(gate["gate"], gate["state"]) for gate in done.object["gates"]] == [("confirm", "shut")]
    assert_shape(done)
    shown = await retrust(site, "run", "campus")
    assert shown.code == 3
    assert "--yes" in shown.out
    assert site.writes == 0


async def test_held_by_another(site, retrust):
    """1: says who works on the site, since when."""
    async with site.ledger.lease("campus", owner="elsewhere/1", what="a run by person:bob"):
        done = await retrust(site, "run", "campus", "--json")
    assert done.code == 1
    assert "elsewhere/1" in done.message
    assert "since" in done.message


# Through the pages -------------------------------------------------------------------------------


@pytest.mark.browser
async def test_ise_refuses(start, retrust):
    """1: names the ISE server and quotes the page; the next run heals, and deletes no pin that was made anew."""
    site = await start(LabSettings())
    await site.settle_in()
    ise, deleted = site.lab.ise[0], []
    site.lab.on("delete", lambda node, key: deleted.append((node, key)))
    await ise.renew()
    await site.lab.until(lambda: not site.lab.healthy, "the primary notices")
    await site.sight("primary", role="ise", dn="CN=ISE-server")
    password, ise.password = ise.password, "changed by someone else"
    done = await retrust(site, "run", "campus", "--yes", "--accept-unproven", "--json")
    assert (done.code, done.object["outcome"]) == (1, "failed"), done.err
    assert ise.host in done.message
    assert "Unable to connect" in done.message
    ise.password = password
    done = await retrust(site, "run", "campus", "--yes", "--accept-unproven", "--json")
    assert (done.code, done.object["outcome"]) == (0, "healed"), done.err
    assert len(deleted) == len(set(deleted)) == 1
