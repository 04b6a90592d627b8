"""What an error of a session tells a person: what happened, on which node, what to do."""

from __future__ import annotations

import pytest

from retrust.errors import PermanentError, TemporaryError
from retrust.ssh import errors

QUESTION = "Delete all? (yes/no) "
LOST = errors.SessionLost("the connection ended", node="pi-1", command="reload", seen="Reloading")
RAISED = [
    (errors.PasswordRefused("the password was refused", node="pi-1", username="admin"), "failed logins can lock"),
    (errors.CommandNotAllowed("'reload' is not allowed", node="pi-1", command="reload"), "nothing was sent"),
    (errors.UnexpectedQuestion(QUESTION, node="pi-1", command="show"), "answer it by hand"),
    (LOST, "observe whether it took effect"),
    (errors.SlowAnswer("no prompt within 5 s", node="pi-1", command="show", seen=""), "raise the time limit"),
]


@pytest.mark.parametrize(("error", "what_to_do"), RAISED)
def test_an_error_names_the_node_and_what_to_do(error: Exception, what_to_do: str) -> None:
    """In its text alone, which is all that most people see."""
    assert str(error).startswith("pi-1: ")
    assert what_to_do in str(error)


def test_only_what_may_pass_is_tried_again() -> None:
    """A refused password, command or question is final; a lost session and a slow answer are not."""
    final = {type(error) for error, _ in RAISED if isinstance(error, PermanentError)}
    assert final == {errors.PasswordRefused, errors.CommandNotAllowed, errors.UnexpectedQuestion}
    assert {type(error) for error, _ in RAISED if isinstance(error, TemporaryError)} == {
        errors.SessionLost,
        errors.SlowAnswer,
    }
    assert issubclass(errors.ChannelsForbidden, PermanentError)


def test_a_question_is_quoted_with_who_met_it() -> None:
    """The command, or the login where there was none yet; a line that asks nothing is not called a question."""
    assert repr(QUESTION) in str(errors.UnexpectedQuestion(QUESTION, node="pi-1", command="show"))
    assert "'show' asked" in str(errors.UnexpectedQuestion(QUESTION, node="pi-1", command="show"))
    assert "the login asked" in str(errors.UnexpectedQuestion(QUESTION, node="pi-1", command=None))
    stalled = errors.UnexpectedQuestion("sec/admin# ", node="pi-1", command="show", stalled=True)
    assert "no known prompt" in str(stalled)
    assert "asked" not in str(stalled)


def test_a_session_lost_outside_a_command_leaves_nothing_to_observe() -> None:
    """Only a command may have taken effect."""
    assert "observe" not in str(errors.SessionLost("the connection ended", node="pi-1"))
