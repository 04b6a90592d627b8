"""The appliance's command line, over real SSH."""

from __future__ import annotations

import asyncssh
import pytest

from retrust_plugins.lab import LabSettings
from retrust_plugins.lab.settings import LISTING_3_9

LIST = "ncs certvalidation tofu-certs listcerts"
DN = "/C=US/ST=CA/L=SJ/O=Cisco Systems/OU=Prime Infra/CN="


async def test_primary_lists_as_the_seed(lab, log_in):
    """The primary lists itself, ISE and the secondary under a header of two lines."""
    operator = await log_in(lab.primary)
    ise = lab.ise[0]
    assert await operator.ask(LIST) == (
        "\nHost certificate are automatically added to this list on first connection,\n"
        "if trust-on-first-use is configured - ncs certvalidation certificate-check ...\n\n"
        f"host={lab.primary.host}_8082; subject= {DN}prime-pri\n"
        f"host={ise.host}_{ise.port}; subject= {DN}ISE-server\n"
        f"host={lab.secondary.host}_8082; subject= {DN}prime-sec\n"
    )


async def test_secondary_lists_its_loopback(lab, log_in):
    """The secondary lists itself twice, once by 127.0.0.1, and the primary."""
    operator = await log_in(lab.secondary)
    assert await operator.pins() == [
        f"host={lab.secondary.host}_8082; subject= {DN}prime-sec",
        f"host=127.0.0.1_8082; subject= {DN}prime-sec",
        f"host={lab.primary.host}_8082; subject= {DN}prime-pri",
    ]


async def test_release_3_9_lists_without_header(start, log_in):
    """The sister page's form: no header, two blanks, `CN = x`, a trailing blank, and subjects that are shared."""
    settings = LabSettings(web=False).with_nodes(**LISTING_3_9, subject="CN=kong", self_entries="off")
    lab = await start(settings)
    operator = await log_in(lab.secondary)
    assert await operator.ask(LIST) == f"host={lab.primary.key};  subject=CN = kong \n"


async def test_awkward_names_are_printed_as_openssl_does(start, log_in):
    """A comma is quoted in the spaced form; slash, equals sign and non-ASCII stand as they are."""
    settings = LabSettings(web=False).with_nodes(dn_style="multi", self_entries="off")
    settings.secondary.subject = r"CN=prime/sec=1,O=Acme\, Inc.,L=Zürich,C=CH"
    lab = await start(settings)
    operator = await log_in(lab.primary)
    assert (await operator.pins())[-1].endswith('C = CH, L = Zürich, O = "Acme, Inc.", CN = prime/sec=1')
    lab.primary.settings.store.dn_style = "slash"
    assert (await operator.pins())[-1].endswith("/C=CH/L=Zürich/O=Acme, Inc./CN=prime/sec=1")
    lab.primary.settings.store.escape_non_ascii = True
    assert r"/L=Z\xC3\xBCrich/" in (await operator.pins())[-1]


async def test_two_hosts_may_share_a_subject(start, log_in):
    """Duplicate subjects are listed as they are, under keys of their own."""
    settings = LabSettings(web=False).with_nodes(subject="CN=twin")
    lab = await start(settings)
    pins = await (await log_in(lab.primary)).pins()
    assert [pin for pin in pins if pin.endswith("/CN=twin")] == [
        f"host={lab.primary.key}; subject= /CN=twin",
        f"host={lab.secondary.key}; subject= /CN=twin",
    ]


async def test_unknown_command_has_its_caret_under_the_first_wrong_word(lab, log_in):
    """The caret stands under the word that no command has there."""
    operator = await log_in(lab.primary)
    line = "ncs certvalidation nonsense"
    caret, message = (await operator.ask(line)).splitlines()
    assert caret.index("^") == len(operator.prompt) + line.index("nonsense")
    assert message == "% invalid command detected at '^' marker."


async def test_incomplete_command_says_so(lab, log_in):
    """A beginning of a command is incomplete, not invalid."""
    operator = await log_in(lab.primary)
    assert await operator.ask("ncs certvalidation") == "% incomplete command detected at '^' marker.\n"


async def test_role_user_cannot_run_ncs(start, log_in):
    """For the role `user` the ncs commands do not exist; `show version` does."""
    lab = await start(LabSettings(web=False).with_nodes(role="user"))
    operator = await log_in(lab.primary)
    assert "invalid command" in await operator.ask(LIST)
    assert "Version : 3.5.0\n" in await operator.ask("show version")


async def test_status_names_role_and_mode(lab, log_in):
    """`ncs status` and `ncs ha status` name role and mode in brackets."""
    operator = await log_in(lab.primary)
    assert "[Role] Primary [State] Primary Active" in await operator.ask("ncs status")
    assert await operator.ask("ncs ha status") == "[Role] Primary [State] Primary Active\n"


async def test_exit_ends_the_session(lab, log_in):
    """After `exit` the channel closes with status 0."""
    operator = await log_in(lab.primary)
    operator.type("exit\r")
    with pytest.raises(EOFError):
        await operator.until(operator.prompt)
    assert (await operator.process.wait()).exit_status == 0


async def test_commands_are_recorded(lab, log_in):
    """Every command is kept with its user, and blank lines are not commands."""
    operator = await log_in(lab.primary)
    await operator.ask("")
    await operator.ask("show version")
    assert [(c.user, c.line) for c in lab.primary.commands] == [("admin", "show version")]


async def test_line_editing(lab, open_shell):
    """A backspace takes a character back, and CR LF ends one line, not two."""
    operator = await open_shell(lab.primary)
    await operator.until(operator.prompt)
    operator.type("showx\x7f version\r\n")
    assert "Version : " in await operator.until(operator.prompt)
    assert [c.line for c in lab.primary.commands] == ["show version"]


# Exec, logins ---------------------------------------------------------------------------------------


async def test_exec_is_refused(lab, connect):
    """An exec channel is refused, unless the settings allow it."""
    connection = await connect(lab.primary)
    with pytest.raises(asyncssh.ChannelOpenError):
        await connection.run(LIST)
    lab.primary.settings.session.exec_allowed = True
    assert f"host={lab.secondary.key}" in str((await connection.run(LIST)).stdout)


async def test_shell_needs_a_pty(lab, connect):
    """A shell without a PTY is refused."""
    connection = await connect(lab.primary)
    with pytest.raises(asyncssh.ChannelOpenError):
        await connection.create_process()


async def test_wrong_password_is_counted(lab, connect):
    """A wrong password is refused and counted; so is the right one where the setting says so."""
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(lab.primary, password="wrong")
    assert (lab.primary.logins, lab.primary.failed_logins) == (0, 1)
    await connect(lab.primary)
    lab.primary.settings.session.refuse_password = True
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(lab.primary)
    assert (lab.primary.logins, lab.primary.failed_logins) == (1, 2)


async def test_several_host_keys(start, connect):
    """A node may have keys of several types, and shows the one that is asked for."""
    lab = await start(LabSettings(web=False).with_nodes(host_key_types=("ssh-ed25519", "ecdsa-sha2-nistp256")))
    shown = []
    for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256"):
        key = (await connect(lab.primary, server_host_key_algs=[kind])).get_server_host_key()
        shown.append(key.get_fingerprint())
    assert shown == lab.primary.host_key_fingerprints
    assert len(set(shown)) == 2


# What may come between ------------------------------------------------------------------------------


async def test_yes_or_no_question_at_login(start, open_shell):
    """Anything but yes or no is answered with the appliance's error; yes leads to the prompt."""
    lab = await start(LabSettings(web=False).with_nodes(login_question="Continue (yes/no) ? "))
    operator = await open_shell(lab.primary)
    await operator.until("(yes/no) ? ")
    operator.type("perhaps\r")
    assert "ERROR : Please enter Yes or No\r\n" in await operator.until("(yes/no) ? ")
    operator.type("Yes\r")
    await operator.until(operator.prompt)
    assert [answer for _, answer in lab.primary.answers] == ["perhaps", "Yes"]


async def test_no_at_login_ends_the_session(start, open_shell):
    """Who says no at login gets no prompt."""
    lab = await start(LabSettings(web=False).with_nodes(login_question="Continue (yes/no) ? "))
    operator = await open_shell(lab.primary)
    await operator.until("(yes/no) ? ")
    operator.type("no\r")
    with pytest.raises(EOFError):
        await operator.until(operator.prompt)


async def test_unexpected_questions(start, open_shell):
    """A question may come before the first prompt and after a command; answers are recorded."""
    lab = await start(
        LabSettings(web=False).with_nodes(
            unexpected_question="New password: ", questions_after={"show": "Press a key: "}
        )
    )
    operator = await open_shell(lab.primary)
    await operator.until("New password: ")
    operator.type("x\r")
    await operator.until(operator.prompt)
    operator.type("show version\r")
    await operator.until("Press a key: ")
    operator.type("\r")
    await operator.until(operator.prompt)
    assert lab.primary.answers == [("New password: ", "x"), ("Press a key: ", "")]


async def test_banner_with_prompt_look_alikes(start, open_shell):
    """Banners stand before the first prompt, whatever they look like."""
    banner = "### Authorised use only ###\nprime-pri/admin# is the prompt"
    lab = await start(LabSettings(web=False).with_nodes(banner=banner, auth_banner="# Welcome\n"))
    operator = await open_shell(lab.primary)
    assert await operator.until("is the prompt\r\n") == banner.replace("\n", "\r\n") + "\r\n"
    await operator.until(operator.prompt)


async def test_paging(start, log_in):
    """A blank shows the next page, q ends the answer, and `terminal length 0` ends paging."""
    lab = await start(LabSettings(web=False).with_nodes(page_length=3))
    operator = await log_in(lab.primary)
    operator.type("ncs status\r")
    first = await operator.until(" --More-- ")
    assert first.count("\r\n") == 1 + 3
    operator.type(" ")
    assert (await operator.until(" --More-- ")).count("\r\n") == 3
    operator.type("q")
    assert "\n" not in await operator.until(operator.prompt)
    assert await operator.ask("terminal length 0") == ""
    assert len((await operator.ask("ncs status")).splitlines()) == 7


async def test_narrow_terminal_wraps(lab, log_in):
    """On a narrow terminal long lines are broken at its width; a wide one leaves them whole."""
    narrow = await log_in(lab.primary, width=80)
    narrow.type(LIST + "\r")
    lines = (await narrow.until(narrow.prompt)).split("\r\n")
    assert max(map(len, lines)) == 80
    wide = await log_in(lab.primary)
    assert await wide.pins()
    assert max(map(len, wide.screen.split("\r\n"))) > 80


async def test_slow_command_holds_up_only_its_session(start, log_in):
    """A delay is per command: another session is answered meanwhile."""
    lab = await start(LabSettings(web=False).with_nodes(delays={"show": 3600.0}))
    slow, quick = await log_in(lab.primary), await log_in(lab.primary)
    slow.type("show version\r")
    await slow.until("show version\r\n")
    assert await quick.pins()
    assert slow.process.stdout.at_eof() is False
    assert slow.screen.endswith("show version\r\n")


async def test_dropped_session(start, log_in):
    """A command may end the connection instead of being answered."""
    lab = await start(LabSettings(web=False).with_nodes(drops=("ncs status",)))
    operator = await log_in(lab.primary)
    operator.type("ncs status\r")
    with pytest.raises((EOFError, asyncssh.ConnectionLost)):
        await operator.until(operator.prompt)
    assert len(lab.primary.commands) == 1
