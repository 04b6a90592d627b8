"""The source ``file``: nothing lost and nothing told twice, whatever happens to the files meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import os
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retrust.engine.loader import Plugins, load_plugins
from retrust.errors import TemporaryError
from retrust.testing.deliveries import KeptDelivery
from retrust_plugins.files.source import FileSettings, LogFiles

numbers = itertools.count(1)


def event(name: str = "prime-sec") -> bytes:
    """One failure as the primary logs it, with a thread number that makes it unlike any other."""
    return (
        f"[system] [HealthMonitorThread] TOFU failed.\nCheck local trust Trust-on-first-use is configure for this "
        f"connection.\nCurrent certificate of the remote host is different from what was used earlier - "
        f"CN={name}-{next(numbers)}, C=US\njavax.net.ssl.SSLHandshakeException\n"
    ).encode()


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture
def told(plugins: Plugins) -> KeptDelivery:
    return KeptDelivery(SimpleNamespace(log_signatures=tuple(plugins.log_signatures.values())))


def following(told: KeptDelivery, *paths: Path, **settings: Any) -> AbstractAsyncContextManager[asyncio.Task[None]]:
    """The source runs while the block does, and has had its first look."""
    given = FileSettings(paths=tuple(map(str, paths)), **({"poll": 0.1} | settings))
    return told.running(LogFiles(), given)


def append(path: Path, *texts: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"".join(texts))


def write(path: Path, *texts: bytes) -> list[str]:
    """Append to the file; the names of the events that were written."""
    append(path, *texts)
    return [text.split(b"CN=")[1].split(b",")[0].decode() for text in texts if b"CN=" in text]


async def test_what_is_appended_is_told(told: KeptDelivery, tmp_path: Path) -> None:
    """An event is told with the file's name, and as whose log the settings say it is."""
    log = tmp_path / "hm-0-0.log"
    log.touch()
    async with following(told, log, site="campus", holder="primary"):
        names = write(log, event())
        await told.until(lambda: told.names == names, "the event")
    seen = told.seen[0]
    assert (seen.site, seen.holder, seen.source, seen.role, seen.kind) == (
        "campus",
        "primary",
        "hm-0-0.log",
        "peer",
        "log",
    )


@pytest.mark.parametrize("backlog", [False, True])
async def test_what_stands_there_at_the_first_start_is_told_if_wanted(
    told: KeptDelivery, tmp_path: Path, backlog: bool
) -> None:
    """The backlog is history, unless the settings ask for it; what comes after it is told in any case."""
    log = tmp_path / "hm-0-0.log"
    before = write(log, event())
    async with following(told, log, backlog=backlog):
        after = write(log, event())
        await told.until(lambda: after[0] in told.names, "the later event")
    assert told.names == (before + after if backlog else after)


async def test_only_what_is_written_while_we_follow_is_of_now(told: KeptDelivery, tmp_path: Path) -> None:
    """A line without a time that stood there before is of no time; one that was just written is."""
    log = tmp_path / "hm-0-0.log"
    names = write(log, event())
    async with following(told, log, backlog=True):
        await told.until(lambda: told.names == names, "what stood there")
        names += write(log, event())
        await told.until(lambda: told.names == names, "what is new")
    before, after = told.seen
    assert before.at is None
    assert after.at is not None
    coarse = timedelta(milliseconds=100)  # a file system's clock goes in steps
    assert before.received_at - coarse <= after.at <= after.received_at


async def test_a_line_that_is_not_written_to_its_end_names_a_part(told: KeptDelivery, tmp_path: Path) -> None:
    """A writer's buffer may end in the middle of a name: it may go on."""
    log = tmp_path / "hm-0-0.log"
    log.touch()
    async with following(told, log):
        append(log, event().partition(b", C=US")[0])
        await told.until(lambda: bool(told.seen), "the event")
    assert told.seen[0].has_cut_name


async def test_a_file_that_appears_later_is_read_from_its_beginning(told: KeptDelivery, tmp_path: Path) -> None:
    """A glob also names what is not there yet, in folders that are not there yet."""
    async with following(told, tmp_path / "*" / "hm-*.log"):
        (tmp_path / "primary").mkdir()
        names = write(tmp_path / "primary" / "hm-0-0.log", event())
        await told.until(lambda: told.names == names, "the event")


async def test_rotation_loses_nothing(told: KeptDelivery, tmp_path: Path) -> None:
    """The old file is read to its end under its new name, the new one from its beginning."""
    log = tmp_path / "hm-0-0.log"
    names = write(log)
    async with following(told, log):
        names += write(log, event())
        log.rename(tmp_path / "hm-0-1.log")
        names += write(tmp_path / "hm-0-1.log", event())
        names += write(log, event())
        await told.until(lambda: len(told.names) >= 3, "all three")
        assert told.names == names


async def test_a_file_rotated_every_few_milliseconds_loses_nothing(told: KeptDelivery, tmp_path: Path) -> None:
    """Files that bore the name between two looks are found under the names they were given."""
    log, names = tmp_path / "ncs-0-0.log", []
    log.touch()
    async with following(told, log):
        for number in range(40):
            names += write(log, event(), event())
            log.rename(tmp_path / f"ncs-0-0.log.{number}")
            log.touch()
            await asyncio.sleep(0.002)
        names += write(log, event())
        await told.until(lambda: len(told.names) >= len(names), "every event")
    assert sorted(told.names) == sorted(names)


@pytest.mark.parametrize("how", ["truncated", "written anew and longer"])
async def test_a_file_that_is_cut_short_is_begun_again(told: KeptDelivery, tmp_path: Path, how: str) -> None:
    """Also where it is as long again as it was before anybody looks."""
    log = tmp_path / "hm-0-0.log"
    async with following(told, log):
        names = write(log, event("first"), b"x" * 2000)
        await told.until(lambda: told.names == names, "the first")
        second = event("second")
        log.write_bytes(second if how == "truncated" else second + b"y" * 4000)
        await told.until(lambda: len(told.names) == 2, "the second")
    assert told.names[1].startswith("second")


async def test_a_restart_goes_on_where_it_was(told: KeptDelivery, tmp_path: Path) -> None:
    """What was told is not told again, what was written meanwhile is, also into a file rotated meanwhile."""
    log = tmp_path / "hm-0-0.log"
    log.touch()
    async with following(told, log):
        names = write(log, event())
        await told.until(lambda: told.names == names, "the first")
    names += write(log, event())
    log.rename(tmp_path / "hm-0-1.log")
    names += write(log, event())
    async with following(told, log):
        names += write(log, event())
        await told.until(lambda: len(told.names) >= 4, "all of them")
    assert told.names == names


async def test_a_delivery_that_fails_is_made_again(told: KeptDelivery, tmp_path: Path) -> None:
    """Where the ledger is away the source ends with its error; started again, it tells what was not kept."""
    log = tmp_path / "hm-0-0.log"
    log.touch()
    told.refuses = 1
    async with following(told, log) as task:
        names = write(log, event())
        with pytest.raises(TemporaryError):
            await task
    async with following(told, log):
        await told.until(lambda: told.names == names, "the event, once")


async def test_an_event_in_pieces_is_one(told: KeptDelivery, tmp_path: Path) -> None:
    """Lines that come one by one, with a restart between them, make one event."""
    log = tmp_path / "hm-0-0.log"
    log.touch()
    whole = event()
    async with following(told, log):
        for line in whole.splitlines(keepends=True):
            append(log, line)
        await told.until(lambda: len(told.names) == 1, "the event")
    write(
        log,
        b"Caused by: java.security.cert.CertificateException: Current certificate of the remote host is "
        b"different from what was used earlier - " + whole.split(b"- ")[1].split(b"\n")[0] + b"\n",
    )
    async with following(told, log):
        write(log, event("other"))
        await told.until(lambda: len(told.names) >= 2, "the other event")
    assert (len(told.names), told.names[1].startswith("other")) == (2, True)


@pytest.mark.parametrize("noise", [b"x" * 1_000_000 + b"\n", b"\xff\xfe\xc3\x28\x00" * 1000, b"\n" * 50_000])
async def test_whatever_stands_between_is_passed_over(told: KeptDelivery, tmp_path: Path, noise: bytes) -> None:
    """A line of a megabyte, bytes that are no text, nothing at all: the events around it are told."""
    log = tmp_path / "hm-0-0.log"
    log.touch()
    async with following(told, log):
        names = write(log, event(), noise, event())
        await told.until(lambda: len(told.names) >= 2, "both")
    assert told.names == names


async def test_a_file_that_may_not_be_read_is_told_and_leaves_the_others(told: KeptDelivery, tmp_path: Path) -> None:
    """A folder of that name is no log; the log beside it is followed."""
    (tmp_path / "hm-0-1.log").mkdir()
    log = tmp_path / "hm-0-0.log"
    log.touch()
    async with following(told, tmp_path / "hm-*.log"):
        names = write(log, event())
        await told.until(lambda: told.names == names, "the event")


async def test_rotated_files_do_not_stay_open(told: KeptDelivery, tmp_path: Path) -> None:
    """What was rotated away and read to its end is let go of, so that its space is free when it is deleted."""
    log = tmp_path / "hm-0-0.log"
    log.touch()
    async with following(told, log):
        for number in range(20):
            write(log, event())
            log.rename(tmp_path / f"hm-0-0.log.{number}")
            log.touch()
        await told.until(lambda: len(told.names) == 20, "all")
        await told.until(lambda: len(_open_below(tmp_path)) <= 1, "one file is open")


def _open_below(folder: Path) -> list[str]:
    links = (Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd"))
    return [
        str(target)
        for link in links
        if (target := _target(link)) and str(target).startswith(str(folder)) and target.is_file()
    ]


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        return None
