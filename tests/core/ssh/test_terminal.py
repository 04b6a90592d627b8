"""What a terminal would show of what a node sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust.ssh.terminal import Screen, shown


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("one\r\r\ntwo", "one\ntwo"),
        ("\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\x1b(B\x1b=", "red text"),
        ("\x1b[?2004hprompt# ", "prompt# "),
        ("abd\bc", "abc"),
        ("working 10%\rworking 20%\r\n", "working 20%\n"),
        ("long line\rshort\x1b[K\r\n", "short\n"),
        ("abcdef\x1b[3D\x1b[K", "abc"),
        ("\x1b[2Kx", "x"),
        ("bell\x07 and nul\x00", "bell and nul"),
        ("trailing blank \r\n", "trailing blank \n"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_control_characters_are_carried_out(sent: str, seen: str) -> None:
    """Line ends are LF, escapes show nothing, overwriting overwrites; blanks are kept byte for byte."""
    assert shown(sent) == seen


@pytest.mark.parametrize("wipe", ["\b" * 9 + " " * 9 + "\b" * 9, "\r" + " " * 9 + "\r", "\r\x1b[K", "\b \b" * 9, ""])
def test_a_page_leaves_no_trace(wipe: str) -> None:
    """The paging prompt and however it is wiped out are no part of the answer, nor are its blanks."""
    screen = Screen()
    screen.feed("one\r\n --More-- ")
    screen.page()
    screen.feed(f"{wipe}2\r\n")
    assert screen.text == "one\n2\n"


@pytest.mark.parametrize(
    "echo",
    [
        "ncs list x\r\n",
        "ncs l\r\nist x\r\n",
        "ncs li \rst x\r\n",
        "\r\nA message to all\r\npri/admin# ncs list x\r\n",
        "ncs\rpri/admin# ncs list x\r\n",
        "\x1b[?2004lncs list x \r\n",
    ],
)
def test_the_echo_is_found_and_cut(echo: str) -> None:
    """Wrapped, drawn anew or behind a message, the echo is no part of the answer."""
    screen = Screen()
    screen.feed(f"{echo}answer\r\npri/admin# ")
    assert screen.echoed("ncs list x", "pri/admin# ")
    assert screen.answer() == "answer\n"


def test_the_echo_of_a_line_editor_that_wraps_is_found() -> None:
    """At the last column it writes the next character, returns, and writes it again; the prompt counts."""
    command = "echo " + "0123456789" * 16
    first, second, third = command[:69], command[69:149], command[149:]
    screen = Screen()
    screen.feed(f"{first}{second[0]}\r{second}{third[0]}\r{third}\r\nanswer\r\n")
    assert screen.echoed(command, "pri/admin# ")
    assert screen.answer() == "answer\n"


@pytest.mark.parametrize("other", ["ncs list xy\r\n", "something\r\nncs\r\n", "ncs list", ""])
def test_other_text_is_no_echo(other: str) -> None:
    """A line that only begins like the command, or has no end yet, is not its echo."""
    screen = Screen()
    screen.feed(other)
    assert not screen.echoed("ncs list x", "pri/admin# ")


@given(st.text(alphabet="ab#\r\n\b\x1b[K3D\x00\t é"), st.data())
def test_pieces_do_not_matter(text: str, data: st.DataObject) -> None:
    """However the stream is cut, the screen shows the same; and nothing crashes it."""
    cut = data.draw(st.integers(0, len(text)))
    whole, parts = Screen(), Screen()
    whole.feed(text)
    parts.feed(text[:cut])
    parts.feed(text[cut:])
    assert (parts.text, parts.last_line) == (whole.text, whole.last_line)


@given(st.text())
def test_nothing_crashes_it(text: str) -> None:
    """Any text has a rendering without control characters but tab and line end."""
    assert not set(shown(text)) & {chr(code) for code in range(32) if chr(code) not in "\t\n"}
