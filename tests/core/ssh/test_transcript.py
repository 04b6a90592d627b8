"""What is kept of a session: every line with its node and direction, and no secret."""

from __future__ import annotations

from retrust.secrets.redaction import Redactor
from retrust.ssh.transcript import Transcript


def test_every_line_names_node_and_direction() -> None:
    """An answer of several lines is one entry, and each of its lines can be read alone; an empty one stays a line."""
    transcript = Transcript()
    transcript.add("pi-1", "sent", "show clock")
    transcript.add("pi-1", "received", "one\ntwo")
    transcript.add("pi-2", "note", "")
    assert len(transcript) == 3
    assert [line.split(" ", 1)[1] for line in str(transcript).splitlines()] == [
        "pi-1 > show clock",
        "pi-1 < one",
        "pi-1 < two",
        "pi-2 = ",
    ]


def test_a_known_secret_is_never_kept() -> None:
    """A secret that is known when the text comes is masked in the entry itself."""
    redactor = Redactor()
    redactor.add("correct-horse")
    transcript = Transcript(redactor)
    transcript.add("pi-1", "received", "you typed correct-horse")
    assert "correct-horse" not in next(iter(transcript)).text


def test_a_secret_that_is_learned_later_is_masked_when_printed() -> None:
    """What is written to a file is masked anew."""
    redactor = Redactor()
    transcript = Transcript(redactor)
    transcript.add("pi-1", "received", "you typed correct-horse")
    redactor.add("correct-horse")
    assert "you typed" in str(transcript)
    assert "correct-horse" not in str(transcript)
