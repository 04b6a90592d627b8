"""The commands of the appliance's command line, one function each, and the table that finds them.

A function gets the shell and the words that stand where the table has ``<…>``, and returns what is printed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from retrust_plugins.lab.certificates import Identity, new_key
from retrust_plugins.lab.names import slash, spaced
from retrust_plugins.lab.ports import CommandLineNode
from retrust_plugins.lab.shell import SessionDropped, Shell
from retrust_plugins.lab.terminal import SessionEnded
from retrust_plugins.lab.tofu import Pinned

Command = Callable[..., Awaitable[str]]

_HEADER = {
    "two-lines": "\nHost certificate are automatically added to this list on first connection,\n"
    "if trust-on-first-use is configured - ncs certvalidation certificate-check ...\n\n",
    "one-line": "\nHost certificate are automatically added to this list on first connection, "
    "if trust-on-first-use is configured - ncs certvalidation certificate-check ...\n\n",
    "off": "",
}
_RESTART_NEEDED = "The NCS server is running.\nChanges will take affect on the next server restart\n"
_DN_QUESTIONS = (
    ("CN", "Enter the fully qualified domain name of the server: "),
    ("OU", "Enter the name of your organizational unit: "),
    ("O", "Enter the name of your organization: "),
    ("L", "Enter the name of your city or locality: "),
    ("ST", "Enter the name of your state or province: "),
    ("C", "Enter the two-letter code for your country: "),
)


async def answer(shell: Shell, line: str) -> str:
    """What is printed for a command line, known or not."""
    words = line.split()
    if shell.configuring:
        return await _configure(shell, words)
    furthest = 0
    for pattern, command, admins_only in COMMANDS:
        if admins_only and shell.node.settings.role != "admin":
            continue
        matched = _matched(pattern, words)
        if matched == len(words) == len(pattern):
            return await command(shell, *(w for p, w in zip(pattern, words, strict=True) if p[0] == "<"))
        furthest = max(furthest, matched)
    if furthest == len(words):
        return "% incomplete command detected at '^' marker.\n"
    column = len(shell.prompt) + _column_of_word(line, furthest)
    return " " * column + "^\n% invalid command detected at '^' marker.\n"


async def _configure(shell: Shell, words: list[str]) -> str:
    """Configuration mode knows nothing but its end."""
    if words not in (["end"], ["exit"]):
        return " " * len(shell.prompt) + "^\n% invalid command detected at '^' marker.\n"
    shell.configuring = False
    return ""


def _matched(pattern: list[str], words: list[str]) -> int:
    """How many words, from the first on, are as the pattern wants them."""
    count = 0
    for expected, word in zip(pattern, words, strict=False):
        if expected != word and expected[0] != "<":
            break
        count += 1
    return count


def _column_of_word(line: str, index: int) -> int:
    column = len(line) - len(line.lstrip())
    for word in line.split()[:index]:
        column = line.index(word, column) + len(word)
    return column + len(line[column:]) - len(line[column:].lstrip())


async def show_version(shell: Shell) -> str:
    version = shell.node.settings.version
    return (
        "\nCisco Prime Infrastructure\n" + "*" * 56 + f"\nVersion : {version}\nBuild : {version}.0.550\n"
        f"Critical Fixes:\n        PI {version} Maintenance Release ( 1.0.0 )\n\n"
    )


async def terminal_length(shell: Shell, length: str) -> str:
    if not length.isdigit():
        return "% Error: the terminal length is a number from 0 to 511\n"
    shell.terminal.page_length = int(length)
    return ""


async def leave(shell: Shell) -> str:
    raise SessionEnded


async def list_certificates(shell: Shell) -> str:
    node = shell.node
    if node.settings.store.list_answers:
        return node.settings.store.list_answers.pop(0)
    return _HEADER[node.settings.store.header] + "".join(_entry(node, pin) for pin in node.tofu.pins.values())


def _entry(node: CommandLineNode, pin: Pinned) -> str:
    style = node.settings.store
    subject = (slash if style.dn_style == "slash" else spaced)(pin.subject, style.escape_non_ascii)
    return f"host={pin.key};{style.after_semicolon}subject={style.after_subject}{subject}{style.trailing}\n"


async def delete_certificate(shell: Shell, key: str) -> str:
    """The way in which it goes is a setting; see ``settings.DeleteCert``."""
    node, way = shell.node, shell.node.settings.store.deletecert
    if key not in node.tofu.pins:
        return node.settings.store.wrong_key_error.format(key=key) + "\n"
    if way == "confirm" and not await shell.ask_yes_or_no(node.settings.store.delete_question.format(key=key)):
        return ""
    if way == "fail":
        return node.settings.store.delete_error.format(key=key) + "\n"
    if way == "drop-before":
        raise SessionDropped
    if way != "no-effect":
        await node.tofu.delete(key)
    if way == "drop-after":
        raise SessionDropped
    if way == "answer-lost":
        await shell.say_nothing()
    return "" if way == "silent" else node.settings.store.delete_answer.format(key=key) + "\n"


async def status(shell: Shell) -> str:
    node = shell.node
    if not node.running:
        return "Health Monitor Server is stopped.\nThe NCS server is stopped.\n"
    return (
        f"Health Monitor Server is running. ( [Role] {node.role.capitalize()} [State] {node.ha.mode} )\n"
        "Database server is running\nFTP Service is disabled\nTFTP Service is disabled\n"
        "NMS Server is running.\nSAM Daemon is running ...\nDA Daemon is running ...\n"
    )


async def ha_status(shell: Shell) -> str:
    return f"[Role] {shell.node.role.capitalize()} [State] {shell.node.ha.mode}\n"


async def stop(shell: Shell) -> str:
    await shell.node.stop_services()
    return "Stopping Prime Infrastructure...\nThis may take a few minutes...\nStop operation completed.\n"


async def start(shell: Shell) -> str:
    await shell.node.start_services()
    return (
        "Starting Prime Infrastructure...\nThis may take a while (10 minutes or more) ...\n"
        "Prime Infrastructure started successfully.\n"
    )


async def generate_key(shell: Shell, csr: str, repository: str) -> str:
    """A new key and, until a signed one is imported, a certificate that serves it after a restart."""
    node = shell.node
    answers = [(kind, (await shell.ask(question)).strip()) for kind, question in reversed(_DN_QUESTIONS[1:])]
    domain = (await shell.ask(_DN_QUESTIONS[0][1])).strip()
    name = _name([*answers, ("CN", domain)]) if domain else node.identity.subject
    node.pending = node.renewed(name, new_key(node.lab.settings.key_type))
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(node.pending.key, hashes.SHA256())
    node.repository(repository).joinpath(csr).write_bytes(request.public_bytes(Encoding.PEM))
    return _RESTART_NEEDED if node.running else ""


def _name(parts: list[tuple[str, str]]) -> x509.Name:
    filled = [x509.Name.from_rfc4514_string(f"{kind}={_escaped(value)}") for kind, value in parts if value]
    return x509.Name([rdn for name in filled for rdn in name.rdns])


def _escaped(value: str) -> str:
    return "".join(f"\\{c}" if c in ',+"\\<>;=#' else c for c in value)


async def import_certificate(shell: Shell, file: str, repository: str) -> str:
    node = shell.node
    path = node.repository(repository) / file
    if not path.is_file():
        return f"% Error: no file {file} in repository {repository}\n"
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    key = (node.pending or node.identity).key
    if certificate.public_key() != key.public_key():
        return "% Error: the certificate does not belong to the key of this server\n"
    node.pending = Identity(certificate, key)
    return _RESTART_NEEDED if node.running else ""


COMMANDS: tuple[tuple[list[str], Command, bool], ...] = tuple(
    (pattern.split(), command, pattern.startswith("ncs"))
    for pattern, command in (
        ("show version", show_version),
        ("terminal length <lines>", terminal_length),
        ("exit", leave),
        ("ncs certvalidation tofu-certs listcerts", list_certificates),
        ("ncs certvalidation tofu-certs deletecert host <key>", delete_certificate),
        ("ncs status", status),
        ("ncs ha status", ha_status),
        ("ncs stop", stop),
        ("ncs start", start),
        ("ncs key genkey -newdn -csr <file> repository <repository>", generate_key),
        ("ncs key importsignedcert <file> repository <repository>", import_certificate),
    )
)
