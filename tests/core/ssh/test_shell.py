"""A conversation with an interactive shell: every known habit of appliances, and what must not fool it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from retrust.errors import PermanentError, TemporaryError
from retrust.secrets.redaction import MASK
from retrust.ssh import (
    CommandNotAllowed,
    Dialect,
    SessionLost,
    Shell,
    SlowAnswer,
    SshAccess,
    Transcript,
    UnexpectedQuestion,
    connect,
)
from retrust.testing import FakeHost, Reply

LIST = "ncs certvalidation tofu-certs listcerts"
LISTING = "host=10.0.0.12_8082;  subject=CN = prime-sec \nhost=10.0.0.21_443; subject= /C=US/CN=ISE-server\n"
PROMPT = "prime-pri/admin# "
Open = Callable[..., AbstractAsyncContextManager[Shell]]


@pytest.fixture
def shell_on(access_to: Callable[..., SshAccess], ade_os: Dialect) -> Open:
    """A shell on a fake host that may send everything, unless told otherwise."""

    @asynccontextmanager
    async def open_shell(
        host: FakeHost,
        *,
        transcript: Transcript | None = None,
        command_timeout: float = 10.0,
        dialect: Dialect | None = None,
        **rights: Any,
    ) -> AsyncIterator[Shell]:
        async with (
            connect(access_to(host), transcript=transcript, command_timeout=command_timeout) as connection,
            connection.shell(dialect or ade_os, **(rights or {"read_only": False})) as shell,
        ):
            yield shell

    return open_shell


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="plain"),
        pytest.param({"prompt": "prime-pri/admin#"}, id="prompt without a blank"),
        pytest.param({"prompt": "\x1b[?2004h\x1b[1mprime-pri/admin# \x1b[0m"}, id="prompt with escapes"),
        pytest.param({"banner": "Property of # Example Corp #\n"}, id="banner before the login"),
        pytest.param({"login": "# Keep out #\nLast login: today\n\n#\n"}, id="banner with # before the prompt"),
        pytest.param(
            {"login": Reply(pieces=["prime-pri/admin#", " is what the prompt looks like\n"])},
            id="banner line that begins like a prompt",
        ),
        pytest.param({"login": Reply("hello", chunk=1)}, id="login byte by byte"),
        pytest.param({"login_questions": ["Accept the terms? (yes/no) "]}, id="yes/no question"),
        pytest.param(
            {"login_questions": ["Accept the terms [Yes/No]: ", "Do you agree to the policy? (yes/no) "]},
            id="two questions",
        ),
        pytest.param({"login_questions": ["Do you agree to the terms, yes or no?\n"]}, id="question with a line end"),
        pytest.param({"width": 20}, id="echo wrapped at 20 columns"),
        pytest.param({"echo": True, "page": 1}, id="paging"),
        pytest.param({"page": 1, "wipe": "\r\x1b[K"}, id="paging wiped by an escape"),
        pytest.param({"page": 1, "wipe": ""}, id="paging never wiped"),
        pytest.param({"authentication": ["keyboard-interactive"]}, id="keyboard-interactive"),
    ],
)
async def test_the_answer_is_what_stands_between_echo_and_prompt(settings: dict[str, Any], shell_on: Open) -> None:
    """Whatever surrounds it, the answer comes back byte for byte, and again the second time."""
    async with FakeHost(replies={LIST: LISTING}, **settings) as host, shell_on(host) as shell:
        assert await shell.run(LIST) == LISTING
        assert await shell.run(LIST) == LISTING
        assert host.commands == [LIST, LIST]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(LISTING, chunk=1), id="byte by byte"),
        pytest.param(Reply(LISTING, after=0.4), id="slow"),
        pytest.param(Reply(f"{PROMPT}\n{PROMPT}show clock\nprime-sec/admin# \nroot#\n"), id="look-alike lines"),
        pytest.param(
            Reply(pieces=["a\n", "prime-sec/admin# ", 0.4, "\nb\n"]), id="another host's prompt, then a pause"
        ),
        pytest.param(Reply(pieces=["a\n", "prime-pri/admin", "# ", "is not the end\n"]), id="look-alike in pieces"),
        pytest.param(Reply(pieces=["Stopping services", 0.5, " done.\n"]), id="a pause in the middle of a line"),
        pytest.param(Reply("x" * 79 + "\n" + "Ü – 証明書\n" * 3, chunk=7), id="characters cut in two"),
        pytest.param(Reply(LISTING * 12_000), id="a megabyte"),
        pytest.param(Reply("--More-- or less\nAre you sure? Yes.\nEnter a value:\n"), id="questions inside lines"),
        pytest.param(Reply(f"{LIST}\n{LISTING}"), id="the command's own words in the answer"),
        pytest.param(Reply(""), id="nothing"),
    ],
)
async def test_only_the_exact_prompt_on_a_quiet_last_line_ends_an_answer(reply: Reply, shell_on: Open) -> None:
    """No look-alike, pause or size cuts an answer short."""
    expected = "".join(piece for piece in reply.pieces if isinstance(piece, str)) + reply.text
    async with FakeHost(replies={LIST: reply, "next": "still in step"}) as host, shell_on(host) as shell:
        assert await shell.run(LIST) == expected
        assert await shell.run("next") == "still in step\n"


async def test_answers_to_login_questions_are_recorded(shell_on: Open) -> None:
    """What was answered in somebody's name is in the shell's record and in the transcript."""
    transcript = Transcript()
    async with FakeHost(login_questions=["Accept the terms? (yes/no) "]) as host:
        async with shell_on(host, transcript=transcript) as shell:
            assert shell.answered == [("Accept the terms? (yes/no)", "yes")]
        assert host.answers == ["yes"]
    assert any("answered yes to 'Accept the terms? (yes/no)'" in said.text for said in transcript)


async def test_a_login_question_that_does_not_take_yes_is_not_answered_again(shell_on: Open) -> None:
    """A host that asks the same again gets no second guess."""
    async with FakeHost(login_questions=["Accept the terms? (yes/no) "], login_answer="YES") as host:
        with pytest.raises(UnexpectedQuestion, match=r"primary: the login asked .*Accept the terms\? \(yes/no\)"):
            async with shell_on(host):
                pass
        assert host.answers == ["yes"]


@pytest.mark.parametrize(
    "question",
    [
        "Proceed? y/n:",
        "Go on (yes/[no])? ",
        "Go on [Y]es/[N]o? ",
        "Go on (enter y or n): ",
        "Continue [yes,no] ",
        "Proceed <y/n>? ",
        "Are you sure (Yes/No)? [Yes]: ",
        "Please answer Y or N.",
        "Go on? (y|n) ",
    ],
)
async def test_a_yes_no_question_is_known_however_it_is_written(question: str, shell_on: Open) -> None:
    """It is answered, and the prompt comes."""
    answer = "yes" if "es" in question.removeprefix("yes, ") else "y"
    async with FakeHost(login_questions=[f"Terms of use: do you accept? {question}"], login_answer=answer) as host:
        async with shell_on(host):
            pass
        assert host.answers == [answer]


@pytest.mark.parametrize(
    "question",
    [
        "Enter new password: ",
        "Which role? ",
        "Press a key [q]",
        "Domain name []: ",
        "Read the policy/notes: ",
        "Role (yes/no/[fingerprint])? ",
    ],
)
async def test_any_other_question_at_login_ends_the_session(question: str, shell_on: Open) -> None:
    """The question is quoted and nothing is typed."""
    async with FakeHost(login_questions=[question]) as host:
        with pytest.raises(UnexpectedQuestion, match=re.escape(question.strip())):
            async with shell_on(host):
                pass
        assert host.typed == ""


@pytest.mark.parametrize("question", ["Delete it? [y/n]: ", "Are you sure (yes/no)", "Password: ", "Proceed?"])
async def test_an_unexpected_question_ends_the_session_and_is_quoted(question: str, shell_on: Open) -> None:
    """Without a confirmation in the plan no question of a command is answered."""
    async with FakeHost(replies={"delete": Reply(question=question)}) as host, shell_on(host) as shell:
        with pytest.raises(UnexpectedQuestion, match=re.escape(question.strip())) as caught:
            await shell.run("delete")
        assert caught.value.command == "delete"
        assert host.typed == "delete\n"
        assert shell.is_lost


async def test_the_planned_confirmation_is_answered_once(shell_on: Open) -> None:
    """The question that the plan holds is answered yes; the answer is recorded."""
    reply = Reply(question="Really delete? [y/n] ", answers={"y": "deleted\n"})
    async with FakeHost(replies={"delete": reply}) as host, shell_on(host) as shell:
        assert (await shell.run("delete", confirm=re.compile("delete"))).endswith("y\ndeleted\n")
        assert shell.answered == [("Really delete? [y/n]", "y")]
        with pytest.raises(UnexpectedQuestion):
            await shell.run("delete")
        assert host.answers == ["y"]


async def test_a_confirmation_answers_no_other_question(shell_on: Open) -> None:
    """A question that the pattern does not fit stays unanswered."""
    async with (
        FakeHost(replies={"delete": Reply(question="Reload now? [y/n] ")}) as host,
        shell_on(host) as shell,
    ):
        with pytest.raises(UnexpectedQuestion, match="Reload now"):
            await shell.run("delete", confirm=re.compile("delete"))
        assert host.answers == []


async def test_a_confirmation_does_not_answer_what_is_no_question(shell_on: Open) -> None:
    """A half line of progress that holds the word is not taken for the question."""
    reply = Reply(pieces=["delete in progress", 0.5, ", done\n"])
    async with FakeHost(replies={"delete": reply}) as host, shell_on(host) as shell:
        assert await shell.run("delete", confirm=re.compile("delete")) == "delete in progress, done\n"
        assert host.typed == "delete\n"


@pytest.mark.parametrize(
    "command",
    [
        "ncs stop",
        f"{LIST} ",
        f"{LIST}\nncs stop",
        f"{LIST}\x03",
        "",
        " ",
        "show x; ncs stop",
        "SHOW X",
    ],
)
async def test_a_read_only_session_sends_allowed_commands_only(command: str, shell_on: Open) -> None:
    """Anything else raises before a byte is sent, and the session stays usable."""
    rights = {"read_only": True, "allowed": (LIST, re.compile("show [a-z]+"))}
    async with FakeHost() as host, shell_on(host, **rights) as shell:
        with pytest.raises(CommandNotAllowed, match="nothing was sent"):
            await shell.run(command)
        assert host.typed == ""
        await shell.run(LIST)
        await shell.run("show version")
        assert host.commands == [LIST, "show version"]


async def test_a_read_only_session_confirms_nothing(shell_on: Open) -> None:
    """Not even an allowed command may bring a confirmation."""
    async with FakeHost() as host, shell_on(host, read_only=True, allowed=(LIST,)) as shell:
        with pytest.raises(CommandNotAllowed):
            await shell.run(LIST, confirm=re.compile("."))
        assert host.typed == ""


async def test_a_session_without_a_list_is_read_only_and_mute(shell_on: Open) -> None:
    """The default allows nothing."""
    async with FakeHost() as host, shell_on(host, read_only=True) as shell:
        with pytest.raises(CommandNotAllowed):
            await shell.run(LIST)
        assert host.typed == ""


@pytest.mark.parametrize("command", ["a\nb", "a\rb", "a\x1b[A", "tab\t", "line\u2028two", "null\x00", "help ?"])
async def test_a_writing_session_refuses_control_characters(command: str, shell_on: Open) -> None:
    """One command is one line; keys that the line editor acts upon are not typed either."""
    async with FakeHost() as host, shell_on(host) as shell:
        with pytest.raises(CommandNotAllowed):
            await shell.run(command)
        assert host.typed == ""


async def test_a_writing_session_can_be_limited_too(shell_on: Open) -> None:
    """A list that is given holds for writing sessions as well."""
    allowed = (re.compile(r"delete \d+"),)
    async with FakeHost() as host, shell_on(host, read_only=False, allowed=allowed) as shell:
        with pytest.raises(CommandNotAllowed):
            await shell.run("delete all")
        await shell.run("delete 7")
        assert host.commands == ["delete 7"]


async def test_nothing_is_sent_when_the_last_check_fails(shell_on: Open) -> None:
    """``before_send`` raises: not a byte is typed, and the shell stays in step."""

    async def lease_lost() -> None:
        raise TemporaryError("the lease was taken over")

    async with FakeHost() as host, shell_on(host) as shell:
        with pytest.raises(TemporaryError, match="taken over"):
            await shell.run("delete", before_send=lease_lost)
        assert host.typed == ""
        await shell.run("show")


async def test_the_last_check_comes_before_a_confirmation_as_well(shell_on: Open) -> None:
    """A lease that is lost while the node asks leaves the question unanswered."""
    calls: list[str] = []

    async def check() -> None:
        calls.append(host.typed)
        if len(calls) == 2:
            raise TemporaryError("the lease was taken over")

    async with FakeHost(replies={"delete": Reply(question="Delete? [y/n]")}) as host, shell_on(host) as shell:
        with pytest.raises(TemporaryError, match="taken over"):
            await shell.run("delete", confirm=re.compile("Delete"), before_send=check)
        assert calls == ["", "delete\n"]
        assert host.answers == []
        assert shell.is_lost


async def test_nothing_is_typed_before_the_first_prompt(shell_on: Open) -> None:
    """A slow login is waited for with hands off the keyboard."""
    ready = asyncio.Event()
    async with FakeHost(login=Reply("welcome\n", after=ready)) as host:

        async def use() -> None:
            async with shell_on(host) as shell:
                await shell.run("show")

        task = asyncio.create_task(use())
        await host.until(lambda host: host.shells == 1)
        assert host.typed == ""
        ready.set()
        await task
        assert host.commands == ["show"]


async def test_a_slow_answer_names_node_command_and_last_lines(shell_on: Open) -> None:
    """Beyond the limit the session is ended with what was seen."""
    endless = Reply("one\ntwo\nthree\n", prompt=False)
    async with FakeHost(replies={"show": endless}) as host, shell_on(host) as shell:
        with pytest.raises(SlowAnswer, match=r"primary: 'show' .*three") as caught:
            await shell.run("show", timeout=0.3)
        assert shell.is_lost
    assert caught.value.command == "show"
    assert "two" in caught.value.seen


async def test_a_login_without_a_known_prompt_quotes_what_was_seen(shell_on: Open) -> None:
    """A prompt of another make is no prompt; nothing is typed at it."""
    async with FakeHost(prompt="other% ") as host:
        with pytest.raises(SlowAnswer, match=r"primary: no prompt .*other%"):
            async with shell_on(host, command_timeout=0.3):
                pass
        assert host.typed == ""


async def test_a_command_may_have_its_own_limit(shell_on: Open) -> None:
    """A restart takes longer than a listing."""
    slow = FakeHost(replies={"start": Reply("up", after=1.2)})
    async with slow as host, shell_on(host, command_timeout=1) as shell:
        assert await shell.run("start", timeout=10) == "up\n"


@pytest.mark.parametrize(("drop", "seen"), [("before", "delete"), ("after", "gone"), ("connection", "delete")])
async def test_a_dropped_session_names_command_and_what_was_seen(drop: Any, seen: str, shell_on: Open) -> None:
    """The caller must observe whether the command took effect."""
    async with FakeHost(replies={"delete": Reply("gone", drop=drop)}) as host, shell_on(host) as shell:
        with pytest.raises(SessionLost, match=r"primary: .*'delete'.*observe") as caught:
            await shell.run("delete")
        assert caught.value.command == "delete"
        assert seen in caught.value.seen
        assert host.commands == ["delete"]
        with pytest.raises(SessionLost, match="nothing was sent"):
            await shell.run("delete")


async def test_a_lost_shell_is_opened_again_on_the_same_connection(
    access_to: Callable[..., SshAccess], ade_os: Dialect
) -> None:
    """One login serves for a run, whatever happens to its shells."""
    async with FakeHost(replies={"drop": Reply(drop="before"), "show": "ok"}) as host:
        async with connect(access_to(host)) as connection:
            async with connection.shell(ade_os, read_only=False) as shell:
                with pytest.raises(SessionLost):
                    await shell.run("drop")
            async with connection.shell(ade_os, read_only=False) as shell:
                assert await shell.run("show") == "ok\n"
        assert (host.logins, host.shells) == (1, 2)


async def test_two_coroutines_never_interleave(shell_on: Open) -> None:
    """Each gets its own answer, one after the other, also where a check comes before each."""
    busy: list[str] = []

    def answer(command: str) -> Reply:
        return Reply(f"answer to {command}", after=0.02)

    async def ask(shell: Shell, number: int) -> str:
        async def check() -> None:
            busy.append(host.typed)
            await asyncio.sleep(0)

        return await shell.run(f"show {number}", before_send=check)

    async with FakeHost(replies={None: answer}) as host, shell_on(host) as shell:
        answers = await asyncio.gather(*(ask(shell, number) for number in range(8)))
        assert answers == [f"answer to show {number}\n" for number in range(8)]
        assert busy == ["".join(f"show {number}\n" for number in range(until)) for until in range(8)]


async def test_a_cancelled_command_ends_the_session(shell_on: Open) -> None:
    """Its answer is still to come and must not be taken for the next command's."""
    async with FakeHost(replies={"slow": Reply("late", prompt=False)}) as host, shell_on(host) as shell:
        task = asyncio.create_task(shell.run("slow"))
        await host.until(lambda host: host.commands == ["slow"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert shell.is_lost
        with pytest.raises(SessionLost):
            await shell.run("show")


async def test_a_command_that_is_not_echoed_is_not_believed(shell_on: Open) -> None:
    """A prompt without the echo may be the one before; it ends the session as lost."""
    async with FakeHost(echo=False, replies={"show": "ok"}) as host, shell_on(host) as shell:
        with pytest.raises(SessionLost, match="not echoed"):
            await shell.run("show")


async def test_a_dialect_without_echo_is_spoken(shell_on: Open, ade_os: Dialect) -> None:
    """Where the command line shows nothing of what is typed, the dialect says so."""
    mute = replace(ade_os, echo=False)
    async with FakeHost(echo=False, replies={"show": "ok"}) as host, shell_on(host, dialect=mute) as shell:
        assert await shell.run("show") == "ok\n"


async def test_a_secret_that_the_host_echoes_stays_out_of_everything(
    access_to: Callable[..., SshAccess], ade_os: Dialect
) -> None:
    """Transcript, errors and their parts hold a mask where the password was."""
    transcript = Transcript()
    replies = {
        "leak": "Pa55-\nword! and Pa55-word!",
        "ask Pa55-word!": Reply(question="Is Pa55-word! right?"),
    }
    async with (
        FakeHost(banner="pw is Pa55-word!\n", replies=replies) as host,
        connect(access_to(host), transcript=transcript) as connection,
        connection.shell(ade_os, read_only=False) as shell,
    ):
        await shell.run("leak")
        with pytest.raises(UnexpectedQuestion) as caught:
            await shell.run("ask Pa55-word!")
    error = caught.value
    everything = f"{transcript}{list(transcript)}{error}{error.command}{error.question}{access_to(host)!r}"
    assert "Pa55" not in everything
    assert "word!" not in everything
    assert everything.count(MASK) >= 10


async def test_a_wide_and_tall_terminal_is_asked_for(shell_on: Open) -> None:
    """So that neither wrapping nor paging starts where it can be avoided."""
    async with FakeHost() as host, shell_on(host):
        assert host.terminals == [("vt100", 511, 1000)]
        assert host.execs == []


RESUME = (
    "Following disconnected ssh sessions are available to resume.\n[1] 1058597.admin-Tuesday\n\n"
    "Enter session number to resume or press <Enter> to start a new one:"
)
NOT_OURS = [
    "Your password will expire in 5 days. Do you want to change it now? [y/n]: ",
    "Continue? (yes/no) ",
    "Close the other session? [y/n]",
    "Discard the unsaved configuration (yes/no)? ",
    "Do you accept to end the other session (yes/no)? ",
    "Do you agree to change the policy of this server? [y/n] ",
    "Accept the license agreement (yes/no)? ",
    "Press any key to continue",
    "Hit <Return> to go on",
]


@pytest.mark.parametrize("question", NOT_OURS)
async def test_a_question_that_is_no_acceptance_of_terms_ends_the_session(question: str, shell_on: Open) -> None:
    """It is quoted within seconds, and nothing is typed."""
    async with FakeHost(login_questions=[question], login_answer="no such answer") as host:
        with pytest.raises(UnexpectedQuestion, match=re.escape(question.strip())):
            async with shell_on(host):
                pass
        assert host.typed == ""


async def test_the_offer_to_resume_a_session_is_answered_with_enter(shell_on: Open) -> None:
    """A new session is started, and the answer is recorded."""
    async with FakeHost(login_questions=[RESUME], login_answer="", replies={LIST: LISTING}) as host:
        async with shell_on(host) as shell:
            assert await shell.run(LIST) == LISTING
            assert len(shell.answered) == 1
        assert host.answers == [""]


async def test_an_answer_cut_off_before_the_prompt_is_no_answer(shell_on: Open, ade_os: Dialect) -> None:
    """The prompt stands in the middle of a line: what came is quoted, within seconds."""
    cut = Reply(pieces=["host=10.0.0.12_8082; subject= /C=US/ST"])
    async with FakeHost(replies={LIST: cut}) as host, shell_on(host, dialect=replace(ade_os, stalled=0.3)) as shell:
        with pytest.raises(SessionLost, match=r"cut off.*/ST"):
            await shell.run(LIST)


@pytest.mark.parametrize(("prompt", "said"), [("prime-pri> ", "prime-pri>"), ("login: ", "login:")])
async def test_an_unknown_prompt_is_said_soon(prompt: str, said: str, shell_on: Open, ade_os: Dialect) -> None:
    """Nothing is typed at it, and nobody waits for the limit of an answer."""
    async with FakeHost(prompt=prompt) as host:
        with pytest.raises(UnexpectedQuestion, match=said):
            async with shell_on(host, dialect=replace(ade_os, stalled=0.3), command_timeout=60):
                pass
        assert host.typed == ""


async def test_a_command_line_without_echo_is_known_by_its_first_command(shell_on: Open) -> None:
    """From then on answers are read from prompt to prompt."""
    async with FakeHost(echo=False, replies={LIST: LISTING}) as host, shell_on(host) as shell:
        await shell.settle("terminal length 0")
        assert await shell.run(LIST) == LISTING
        assert await shell.run(LIST) == LISTING


async def test_an_inner_mode_that_does_not_end_is_said(shell_on: Open, ade_os: Dialect) -> None:
    """It is left with the dialect's word a few times, and then named."""
    nested = replace(ade_os, nested=re.compile(r".*\(config\)# ?"))
    async with FakeHost(prompt="prime-pri/admin(config)# ") as host:
        with pytest.raises(PermanentError, match=r"stays at 'prime-pri/admin\(config\)#' after 'end'"):
            async with shell_on(host, dialect=nested):
                pass
        assert set(host.commands) == {"end"}


async def test_a_banner_that_ends_in_a_fake_prompt(shell_on: Open, ade_os: Dialect) -> None:
    """A first, harmless command shows which prompt is the real one."""
    login = Reply(pieces=["Welcome\n", "fake/admin# ", 0.6, "\n"])
    async with FakeHost(login=login, replies={LIST: LISTING}) as host, shell_on(host) as shell:
        assert shell.prompt == "fake/admin# "
        await shell.settle("terminal length 0")
        assert shell.prompt == PROMPT
        assert await shell.run(LIST) == LISTING
