"""Before the first write all that the plan needs is proven; `check`, `plan` and `doctor` name what lacks."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest

from kit.campus import ALICE, quick_lab
from retrust.approval.decisions import Attendance
from retrust.browser.chromium import chromium_version
from retrust.cli.look import check
from retrust.errors import InventoryError, PermanentError
from retrust.runs.preview import draw_plan
from retrust_flows.doctor import doctor
from retrust_plugins.lab.settings import IseSettings, LabSettings

KEY = "HA_KEY_OF_THIS_TEST"


@pytest.fixture
async def broken(start, monkeypatch):
    """A pair whose HA is down; the key to register it is in the environment."""
    site = await start(change=lambda it: it["ha"].update(authentication_key=f"env:{KEY}"))
    await site.settle_in()
    await site.break_trust("secondary")
    monkeypatch.setenv(KEY, site.lab.authentication_key)
    return site


def assert_untouched(site):
    """No pin was deleted, and HA was not registered."""
    assert site.writes == 0
    assert site.lab.secondary.key in site.lab.primary.tofu.pins


# The run -----------------------------------------------------------------------------------------


async def test_a_missing_key_is_found_before_any_delete(broken, monkeypatch):
    """The run names the variable and what to do, and sends nothing; set, the same command heals."""
    monkeypatch.delenv(KEY)
    with pytest.raises(PermanentError, match=f"{KEY} is not set .set it for the user") as failed:
        await broken.heal()
    assert failed.value.exit_code == 1
    assert_untouched(broken)
    monkeypatch.setenv(KEY, broken.lab.authentication_key)
    assert (await broken.heal()).outcome == "healed"


async def test_what_goes_missing_after_the_decision(broken, monkeypatch):
    """Nothing is sent, the case stays open, and its decision counts once the secret is back."""
    with pytest.raises(PermanentError, match=f"{KEY} is not set; this run sent nothing"):
        await broken.heal(before=lambda part: monkeypatch.delenv(KEY) if part == "delete" else None)
    assert_untouched(broken)
    case = await broken.ledger.open_case_of("campus")
    assert case.state == "failed"
    monkeypatch.setenv(KEY, broken.lab.authentication_key)
    again = await broken.run(attendance=Attendance(ALICE))
    assert (again.outcome, again.plan.digest, again.case.id) == ("healed", case.digest, case.id)


@pytest.mark.parametrize("fault", ["missing", "a folder", "writable by everyone"])
async def test_a_file_that_cannot_be_read(site, fault):
    """A secret's file that is no good is named before anything is sent."""
    await site.break_trust("secondary")
    file = site.inventory.parent / "secrets" / "ha-key"
    if fault == "writable by everyone":
        file.chmod(0o666)
    else:
        file.unlink()
    if fault == "a folder":
        file.mkdir()
    with pytest.raises(PermanentError, match="ha-key"):
        await site.heal()
    assert_untouched(site)


@pytest.mark.browser
@pytest.mark.parametrize("fault", ["password", "chromium"])
async def test_pages_that_cannot_be_used(start, monkeypatch, fault):
    """A refused web login, tried once, and a missing Chromium are found before any delete."""
    site = await start(quick_lab(web=True), change=lambda it: it["ha"].update(driver="browser"))
    await site.settle_in()
    await site.break_trust("secondary")
    if fault == "password":
        (site.inventory.parent / "secrets" / "web-password").write_text("wrong-password")
    else:
        monkeypatch.setenv("RETRUST_CHROMIUM", "no-such-chromium")
    with pytest.raises(PermanentError, match="web login of .* was refused" if fault == "password" else "no-such-chrom"):
        await site.heal()
    assert_untouched(site)
    assert site.lab.primary.failed_web_logins == (1 if fault == "password" else 0)


async def test_a_driver_that_is_not_set(site):
    """Without web pages somebody must be named who registers HA: else the inventory is wrong, and nothing starts."""
    await site.break_trust("secondary")
    with pytest.raises(InventoryError, match="or set it to operator"):
        site.reload(lambda it: it["ha"].pop("driver"))
    assert_untouched(site)


async def test_a_person_whose_work_nobody_would_see(start):
    """An ISE server is not added by hand where no page shows whether it was: the pin stays."""
    site = await start(quick_lab(ise=(IseSettings(),)), change=lambda it: it["ise"][0].update(driver="operator"))
    await site.settle_in()
    ise = site.lab.ise[0]
    await ise.renew()
    await site.lab.until(lambda: not site.lab.healthy, "the primary notices")
    await site.sight("primary", role="ise", dn="CN=ISE-server")
    with pytest.raises(PermanentError, match=f"nothing would show whether {ise.host} was added"):
        await site.heal(accept_unproven=True)
    assert site.writes == 0


# What only looks ---------------------------------------------------------------------------------


async def test_plan_names_what_lacks(broken, monkeypatch):
    """Exit 1 and every missing secret where the plan needs one; a note alone where it needs none."""
    plan = await draw_plan(broken.engine, broken.site, broken.ledger, actor=ALICE)
    assert (plan.exit_code, plan.plan is None, plan.snapshot.problems) == (3, False, ())
    monkeypatch.delenv(KEY)
    plan = await draw_plan(broken.engine, broken.site, broken.ledger, actor=ALICE)
    assert (plan.exit_code, plan.plan) == (1, None)
    assert [KEY in problem for problem in plan.snapshot.problems] == [True]
    assert "no plan" in plan.why_none


async def test_check_names_what_lacks(site, monkeypatch, capsys):
    """A key that only registering needs is a problem of `check`; its exit code stays."""
    monkeypatch.setenv("RETRUST_HOME", str(site.home))
    monkeypatch.setenv(KEY, site.lab.authentication_key)
    site.reload(lambda it: it["ha"].update(authentication_key=f"env:{KEY}"))
    before = await check(["campus"], json=True, inventory=site.inventory)
    assert json.loads(capsys.readouterr().out)["problems"] == []
    monkeypatch.delenv(KEY)
    assert await check(["campus"], json=True, inventory=site.inventory) == before
    assert [KEY in problem for problem in json.loads(capsys.readouterr().out)["problems"]] == [True]


# doctor ------------------------------------------------------------------------------------------


@pytest.fixture
def examine(monkeypatch, capsys, prefect_api):
    """Runs doctor on a site: the exit code, and its lines by what they are about."""

    async def examining(site, **environment):
        monkeypatch.setenv("RETRUST_HOME", str(site.home))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = await doctor(["campus"], json=True, inventory=site.inventory)
        told = json.loads(capsys.readouterr().out)
        assert told["ok"] is (code == 0)
        assert all(line["remedy"] for line in told["checks"] if not line["ok"])
        assert not any(
            secret.read_text() in json.dumps(told) for secret in (site.inventory.parent / "secrets").iterdir()
        )
        return code, {line["check"]: line for line in told["checks"]}

    return examining


@pytest.mark.prefect
@pytest.mark.browser
async def test_doctor(start, examine):
    """All is well: exit 0. Then each thing that is broken is a line of its own with its remedy, and exit 1."""
    site = await start(LabSettings(), change=lambda it: it["ha"].update(driver="browser"))
    await site.settle_in()
    code, lines = await examine(site)
    assert code == 0, lines
    assert list(lines) == [
        "inventory",
        "plugins",
        "home",
        "ledger",
        "prefect",
        "chromium",
        "secrets",
        "nodes",
        "web pages",
    ]
    assert await chromium_version() in lines["chromium"]["said"]
    entries = await site.ledger.head()

    secrets = site.inventory.parent / "secrets"
    (secrets / "ha-key").chmod(0o666)
    (secrets / "web-password").write_text("wrong-password")
    code, lines = await examine(site, PREFECT_API_URL="http://127.0.0.1:9/api")
    wrong = {check: line["said"] for check, line in lines.items() if not line["ok"]}
    assert code == 1
    assert set(wrong) == {"prefect", "secrets", "web pages"}
    assert "does not answer" in wrong["prefect"]
    assert "can be written by everyone" in wrong["secrets"]
    assert "was refused" in wrong["web pages"]
    assert await site.ledger.head() == entries


@pytest.mark.prefect
async def test_doctor_without_nodes_key_and_home(site, examine):
    """A changed host key, a missing key of the ledger and a file where runs keep theirs."""
    await site.lab.secondary.redeploy()
    (site.home / "ledger.key").unlink()
    (site.home / "runs").touch()
    code, lines = await examine(site)
    wrong = {check: line["said"] for check, line in lines.items() if not line["ok"]}
    assert code == 1
    assert set(wrong) == {"home", "ledger", "nodes"}
    assert "the host key changed" in wrong["nodes"]
    assert "the key that signs the ledger is missing" in wrong["ledger"]
    assert not (site.home / "ledger.key").exists()


async def test_doctor_starts_a_server_of_its_own(site):
    """Where no Prefect server is named, Retrust's own is tried, and leaves nothing in the home; lines for people."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "retrust",
        "doctor",
        "campus",
        stdout=asyncio.subprocess.PIPE,
        env=environment | {"RETRUST_HOME": str(site.home), "RETRUST_INVENTORY": str(site.inventory)},
    )
    out, _ = await process.communicate()
    lines = out.decode().splitlines()
    assert process.returncode == 0, lines
    assert [line[:2] for line in lines] == ["ok"] * len(lines)
    assert any("prefect" in line and "own server starts" in line for line in lines)
    assert not (site.home / "prefect").exists()


async def test_doctor_of_a_wrong_inventory(tmp_path, capsys):
    """Each problem with its line, and exit 1; in words for people too."""
    inventory = tmp_path / "retrust.yaml"
    inventory.write_text("sites: {a: {}}\nx: 1\n")
    assert await doctor(inventory=inventory) == 1
    out = capsys.readouterr().out
    assert out.startswith("not ok  inventory")
    assert "x: unknown key" in out
    assert "\\n" not in out
    assert len([line for line in out.splitlines() if str(inventory) in line]) == 3
