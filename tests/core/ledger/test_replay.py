"""The derived tables are what the entries say, or the difference is named; written anew they are so again."""

from __future__ import annotations

import pytest

from kit.chains import lived, unguarded
from retrust.ledger import Ledger, LedgerError
from retrust.ledger.replay import first_difference, rebuild
from retrust.testing.ledgers import SITE, SetClock


async def difference(ledger: Ledger) -> str | None:
    async with ledger.still() as connection:
        return await first_difference(connection)


DERIVED_CHANGES = [
    ("UPDATE cases SET state = 'open'", "table cases: the row ('{case}',) differs from the entries in state"),
    (
        "UPDATE decisions SET actor = 'person:mallory'",
        "table decisions: the row ('{case}', 'd1', 'people', 'person:bob') is missing",
    ),
    ("DELETE FROM digests", "table digests: the row ('d1',) is missing"),
    (
        "UPDATE baselines SET fingerprint = 'SHA256:mallory'",
        "table baselines: the row ('campus', 'primary', '10.0.0.12_8082') differs from the entries in fingerprint",
    ),
    ("UPDATE sightings SET count = count + 1", "differs from the entries in count"),
    ("INSERT INTO heals VALUES ('a', 'b', 'c', 'd')", "table heals: the row ('a', 'b') is of no entry"),
    ("DELETE FROM steps", "table steps: the row"),
    ("UPDATE keys SET seq = 9", "table keys: the row"),
]


@pytest.mark.parametrize(("change", "said"), DERIVED_CHANGES)
async def test_a_changed_derived_table_is_named(ledger: Ledger, change: str, said: str) -> None:
    """The table, the row and the column are named; after a rebuild there is no difference."""
    case = await lived(ledger)
    await unguarded(ledger, change)
    assert said.format(case=case) in str(await difference(ledger))
    await rebuild(ledger)
    assert await difference(ledger) is None


async def test_a_renewed_lease_is_no_difference(ledger: Ledger, clock: SetClock) -> None:
    """A lease's time moves without an entry; its holder does not."""
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        clock.forward(seconds=10)
        await lease.renew()
        assert await difference(ledger) is None
        await unguarded(ledger, "UPDATE leases SET owner = 'mallory'")
        assert "differs from the entries in owner" in str(await difference(ledger))
        await unguarded(ledger, "UPDATE leases SET owner = 'service'")


async def test_an_entry_that_cannot_be_replayed_is_named(ledger: Ledger) -> None:
    """It is the entry that is at fault, whatever its tables hold."""
    await lived(ledger)
    await unguarded(ledger, "UPDATE entries SET body = '{}' WHERE kind = 'planned'")
    said = await difference(ledger)
    assert said is not None
    assert "(planned) cannot be replayed: LedgerError" in said


async def test_a_lease_outlives_a_rebuild(ledger: Ledger, clock: SetClock) -> None:
    """Its renewed time is in no entry, so the table of leases is left alone."""
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        clock.forward(seconds=10)
        await lease.renew()
        before = await ledger.holder(SITE)
        await rebuild(ledger)
        assert await ledger.holder(SITE) == before
        await lease.check()


async def test_a_rebuild_is_all_or_nothing(ledger: Ledger) -> None:
    """Where an entry cannot be replayed, the tables stay as they were."""
    case = await lived(ledger)
    await unguarded(ledger, "UPDATE entries SET body = '{}' WHERE kind = 'planned'")
    with pytest.raises(LedgerError, match="cannot be read"):
        await rebuild(ledger)
    assert await ledger.case(case)
