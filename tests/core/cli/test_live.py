"""One thing moves on a terminal at a time, and it goes before a line comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from retrust.cli import live, output


class Wheel:
    turns = False

    def start(self) -> None:
        self.turns = True

    def stop(self) -> None:
        self.turns = False


@pytest.fixture
def wheel() -> Iterator[Wheel]:
    made = Wheel()
    live.start(made)
    yield made
    live.stop()


def test_the_next_thing_stops_the_one_before(wheel: Wheel) -> None:
    """Two things at once would write over each other."""
    other = Wheel()
    live.start(other)
    assert (wheel.turns, live.moves(wheel)) == (False, False)
    assert (other.turns, live.moves(other)) == (True, True)


@pytest.mark.parametrize("line", [lambda: output.say_always("a line"), lambda: output.show(["a line"])])
def test_a_line_stops_what_moves(wheel: Wheel, line: Callable[[], None]) -> None:
    """A message and a result both come on an empty line."""
    assert wheel.turns
    line()
    assert (wheel.turns, live.moves(wheel)) == (False, False)


def test_a_json_document_stops_what_moves(wheel: Wheel) -> None:
    """A document is a result like any other."""
    output.print_json({})
    assert not wheel.turns


def test_to_stop_nothing_is_no_fault(wheel: Wheel) -> None:
    """Whoever writes a line does not ask first whether something moves."""
    live.stop()
    live.stop()
    assert not wheel.turns
