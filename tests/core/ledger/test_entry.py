"""An entry's body as stored text and as a model: what any version wrote is read, nothing unknown is written."""

from __future__ import annotations

import dataclasses
import json

import pytest

from retrust.audit import verify_chain
from retrust.ledger import Ledger, LedgerError
from retrust.ledger import entry as shapes
from retrust.ledger.canonical import canonical, entry_hash
from retrust.ledger.entries import KINDS, AlarmRaised, Body, CaseMoved, LookAsked, Noticed
from retrust.ledger.entry import OLDER, Unknown, read, written
from retrust.states import Event, State
from retrust.testing.ledgers import SITE, an_entry, noticed


class Stranger(Body):
    word: str


async def test_another_model_is_not_written(ledger: Ledger) -> None:
    """A kind outside the table, a subclass of one inside it included."""

    class Louder(Noticed):
        pass

    for body in (Stranger(word="x"), Louder(what="x", detail="y"), Unknown()):
        with pytest.raises(TypeError, match="no kind of entry"):
            await ledger.append(body, actor="x")
    assert (await ledger.head()).seq == 0


async def test_a_body_is_read_when_it_is_asked_for(ledger: Ledger) -> None:
    """A list of entries costs no parsing; one that does not hold its fields says which it is."""
    for text in ('{"why":"x"}', '{"v":2}', "[]", "5", "no JSON"):
        entry = an_entry(LookAsked(why="x", source="y")).model_copy(update={"text": text, "seq": 7})
        with pytest.raises(LedgerError, match=r"entry 7 \(look-asked\) cannot be read"):
            _ = entry.body


async def test_an_unknown_kind_is_told_and_verified(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a plugin of an earlier version wrote, or a newer Retrust, harms nothing: it has its name."""
    names: dict[type, str] = {**shapes._NAMES, Stranger: "a-stranger"}
    monkeypatch.setattr(shapes, "_NAMES", names)
    await ledger.append(Stranger(word="x"), actor="x", site=SITE)
    [_, entry] = await ledger.entries()
    assert (entry.body, entry.line, entry.told("note"), entry.stored) == (Unknown(), "a stranger", None, {"word": "x"})
    report = await verify_chain(ledger)
    assert report.ok, report


def test_fields_of_nobody_are_left_in_the_record() -> None:
    """Version 1 let a move carry anything: it is read without it, and stored as it was."""
    text = canonical({"event": "wait", "was": "open", "state": "waiting", "note": "n", "gate": "x"})
    moved = read("case-moved", text)
    assert isinstance(moved, CaseMoved)
    assert (moved.reason, moved.retry, moved.gates) == ("n", True, None)


def test_older_shapes_are_read_version_by_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """One function a version leads to the next; without ``v`` it is the first; what is written now says its own."""

    class Alarm3(AlarmRaised):
        version = 3
        loud: bool

    monkeypatch.setitem(KINDS, "alarm", dataclasses.replace(KINDS["alarm"], model=Alarm3))
    monkeypatch.setitem(OLDER, ("alarm", 1), lambda old: {"what": old["what"], "detail": f"{old['detail']}!"})
    monkeypatch.setitem(OLDER, ("alarm", 2), lambda old: old | {"loud": old["detail"].endswith("!")})
    now = Alarm3(what="w", detail="d!", loud=True)
    assert read("alarm", '{"detail":"d","what":"w"}') == now
    assert read("alarm", '{"detail":"d!","v":2,"what":"w"}') == now
    assert written(now) == {"what": "w", "detail": "d!", "loud": True, "v": 3}
    assert read("alarm", json.dumps(written(now))) == now
    with pytest.raises(ValueError, match="version 4, this Retrust knows 3"):
        read("alarm", '{"v":4}')


async def test_an_entry_gives_what_its_hash_covers(ledger: Ledger) -> None:
    """Its row, without the hash, is what was hashed; nothing of it is left out."""
    entry = await ledger.append(noticed("ä"), actor="x", run="r", case="c1", site=SITE)
    row = entry.row
    assert (
        entry_hash(**{"case" if name == "case_id" else name: row[name] for name in row if name != "hash"}) == entry.hash
    )


def test_defaults_are_not_written() -> None:
    """What a default says is not stored, and is there again when it is read."""
    body = CaseMoved(event=Event.WAIT, was=State.OPEN, state=State.WAITING, note="", retry=True, why="x")
    assert set(written(body)) == {"event", "was", "state", "note", "why"}
    assert read("case-moved", canonical(written(body))) == body


def test_an_entry_is_told_in_the_words_of_a_view() -> None:
    """Where a view does not show the kind, it says nothing."""
    entry = an_entry(AlarmRaised(what="w", detail="d"))
    assert entry.told("line") == entry.line
    assert [entry.told("note"), an_entry(noticed()).told("event")] == [None, None]
