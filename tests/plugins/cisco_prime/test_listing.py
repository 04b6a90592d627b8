"""The listing: every variation that is documented or inferred, byte for byte, and nothing guessed."""

import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.models import Pin
from retrust.x509.dn import DistinguishedName
from retrust_plugins.cisco_prime.listing import USUAL_WIDTHS, read_listing, split_key

SEED = Path(__file__).parents[2] / "data" / "seed"
PRIME = "/C=US/ST=CA/L=SJ/O=Cisco Systems/OU=Prime Infra/CN="


def seed_pin(holder: str, key: str, name: str) -> Pin:
    return Pin(holder=holder, key=key, subject=PRIME + name, line=f"host={key}; subject= {PRIME}{name}")


def test_the_primarys_listing_of_the_seed() -> None:
    """Header in two lines, prompts around it: three pins in listed order."""
    listing = read_listing((SEED / "listcerts-primary.txt").read_text(), "primary")
    assert listing.unread == ()
    assert listing.pins == (
        seed_pin("primary", "1x.xx.xx.xx_8082", "prime-pri"),
        seed_pin("primary", "1z.zz.zz.zz_443", "ISE-server"),
        seed_pin("primary", "1yy.yy.yy_8082", "prime-sec"),
    )


def test_the_secondarys_listing_of_the_seed() -> None:
    """Header in one line, self entries by address and by loopback: three pins in listed order."""
    listing = read_listing((SEED / "listcerts-secondary.txt").read_text(), "secondary")
    assert listing.unread == ()
    assert listing.pins == (
        seed_pin("secondary", "1YY.YY.YY_8082", "prime-sec"),
        seed_pin("secondary", "127.0.0.1_8082", "prime-sec"),
        seed_pin("secondary", "1X.XX.XX_8082", "prime-pri"),
    )


def test_the_sister_pages_listing() -> None:
    """No header, two blanks, spaced subject, a trailing blank that stays in the line alone."""
    text = "host=xx.xxx.xxx.xxx_443;  subject=CN = kong \r\nhost=yy.yyy.yyy.yyy_443;  subject=CN = kong\r\n"
    first, second = read_listing(text, "primary").pins
    assert first.line == "host=xx.xxx.xxx.xxx_443;  subject=CN = kong "
    assert first.subject == second.subject == "CN = kong"
    assert first.key == "xx.xxx.xxx.xxx_443"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("10.0.0.12_8082", ("10.0.0.12", 8082)),
        ("ise_lab.example.com_443", ("ise_lab.example.com", 443)),
        ("2001:db8::12_8082", ("2001:db8::12", 8082)),
        ("[2001:db8::12]_8082", ("2001:db8::12", 8082)),
        ("1z.zz.zz.zz 443", ("1z.zz.zz.zz", 443)),
    ],
)
def test_keys_are_kept_and_split(key: str, place: tuple[str, int]) -> None:
    """A key is passed on byte for byte; its host and port are split at the last separator."""
    (pin,) = read_listing(f"host={key}; subject=CN=x", "primary").pins
    assert pin.key == key
    assert split_key(key) == place


@pytest.mark.parametrize("key", ["", "_443", "host", "host_", "host_0", "host_65536", "host_٣", "host:443"])
def test_keys_that_name_no_port_are_not_split(key: str) -> None:
    """What is not host and port is None, never a guess."""
    assert split_key(key) is None


@pytest.mark.parametrize(
    "line",
    [
        "host=10.0.0.1_443",
        "host=10.0.0.1; subject=CN=x",
        "host=",
        "host=10.0.0.1_443; subject=",
        " host = x_1, subject=CN=x",
        "HOST=a_1; issuer=CN=x",
    ],
)
def test_lines_that_look_like_pins_are_handed_back(line: str) -> None:
    """A pin that cannot be read is returned as unread, and the readable ones beside it stay."""
    listing = read_listing(f"{line}\nhost=10.0.0.9_443; subject=CN=x\n", "primary")
    assert listing.unread == (line,)
    assert [pin.key for pin in listing.pins] == ["10.0.0.9_443"]


def test_an_empty_list_has_no_pins() -> None:
    """Only a header and a prompt: no pins, nothing unread."""
    header = "Host certificate are automatically added to this list on first connection,\r\n\r\na/b# "
    listing = read_listing(header, "primary")
    assert (listing.pins, listing.recognised) == ((), True)


def wrap(text: str, width: int) -> str:
    return "\r\n".join(line[i : i + width] for line in text.split("\n") for i in range(0, max(len(line), 1), width))


@pytest.mark.parametrize("name", ["listcerts-primary.txt", "listcerts-secondary.txt"])
def test_lines_wrapped_by_the_terminal_are_rejoined(name: str) -> None:
    """A listing cut at 80 columns reads like the whole one."""
    text = (SEED / name).read_text()
    assert read_listing(wrap(text, 80), "h") == read_listing(text, "h")


def test_a_line_that_fills_the_width_is_whole_before_a_prompt() -> None:
    """Eighty columns followed by a pin, a prompt or nothing are no wrapped line."""
    subject = "CN=" + "x" * (80 - len("host=10.0.0.1_443; subject=CN="))
    line = f"host=10.0.0.1_443; subject={subject}"
    assert len(line) == 80
    for after in ("", "\n", "\nhost=10.0.0.2_443; subject=CN=y", "\na/admin# ", "\n\na/admin# "):
        assert read_listing(line + after, "h").pins[0].line == line


def test_nothing_is_rejoined_where_lines_exceed_the_width() -> None:
    """One line longer than the terminal proves that it did not wrap."""
    filling = "host=10.0.0.1_443; subject=CN=" + "x" * 50
    listing = read_listing(f"{filling}\nnot a pin\nhost=10.0.0.2_443; subject=CN={'y' * 90}\n", "h")
    assert listing.pins[0].line == filling


keys = st.builds(
    "{}_{}".format, st.from_regex(r"[A-Za-z0-9.:\-_]{1,30}[a-z0-9]", fullmatch=True), st.integers(1, 65535)
)
subjects = st.text(st.characters(exclude_characters="\r\n"), min_size=1, max_size=200).filter(str.strip)


@given(st.lists(st.tuples(keys, subjects), max_size=6), st.sampled_from(["\n", "\r\n", "\r\r\n"]))
def test_what_is_listed_is_read(entries: list[tuple[str, str]], end: str) -> None:
    """Whatever a subject holds, each line gives its key and itself, in order."""
    lines = [f"host={key}; subject= {subject}" for key, subject in entries]
    listing = read_listing(end.join(["a/b# listcerts" + " " * 80, *lines, "a/b#"]), "h")
    assert [(p.key, p.line, p.subject) for p in listing.pins] == [
        (key, line, subject.strip()) for (key, subject), line in zip(entries, lines, strict=True)
    ]


@given(st.text(st.sampled_from("host=;subject_1 \r\nCN/"), max_size=200), st.integers(1, 100))
def test_no_text_crashes_it(text: str, width: int) -> None:
    """Any text is read; every pin has a key that splits, and a line that holds it."""
    for pin in read_listing(text, "h", width=width).pins:
        assert split_key(pin.key) is not None
        assert pin.key in pin.line
        assert pin.subject in pin.line


@given(st.one_of(st.text(), st.builds("{}{}{}".format, st.text(), st.sampled_from("_ :"), st.integers())))
def test_no_key_crashes_it(key: str) -> None:
    """Any key splits into a host and a valid port, or into nothing."""
    host, port = split_key(key) or ("host", 1)
    assert host
    assert 1 <= port <= 65535


@given(subjects)
def test_subjects_of_a_listing_compare(subject: str) -> None:
    """A listed subject is a name or an opaque text, and equal to itself listed again."""
    (pin,) = read_listing(f"host=a_1; subject= {subject}", "h", width=10_000).pins
    assert DistinguishedName.parse(pin.subject) == DistinguishedName.parse(subject)


@pytest.mark.parametrize("wrapped_at", [80, 100, 132, 511])
def test_a_list_wrapped_at_another_width_than_asked_for(wrapped_at: int) -> None:
    """A cut subject would differ from the presented one and look stale: the whole one is read."""
    subject = "/C=US/ST=CA/L=SJ/O=Cisco Systems/OU=Prime Infra/CN=" + "prime-sec." * 50
    lines = [f"host=10.0.0.{n}_8082; subject= {subject}{n}" for n in (11, 12)]
    text = "".join(line[at : at + wrapped_at] + "\r\n" for line in lines for at in range(0, len(line), wrapped_at))
    listing = read_listing(text, "primary", width=511)
    assert [pin.subject for pin in listing.pins] == [f"{subject}11", f"{subject}12"]


ONE = "host=10.0.0.12_8082; subject= /C=US/CN=prime-sec\n"
HEADER = (
    "Host certificate are automatically added to this list on first connection,\n"
    "if trust-on-first-use is configured - ncs certvalidation certificate-check ...\n\n"
)
FAILURES = {
    "refused": "% Authorization failed\n",
    "no such command": "                       ^\n% invalid command detected at '^' marker.\n",
    "incomplete": "% incomplete command detected at '^' marker.\n",
    "database": "Unable to connect to the database\n",
    "database, at length": "ERROR : certificates cannot be listed: the connection to the database was lost\n",
    "exception": "Exception in thread main java.lang.NullPointerException\n\tat com.cisco.Tofu.list(Tofu.java:12)\n",
    "stack trace": "java.sql.SQLException: ORA-01034: ORACLE not available\n    at com.cisco.ncs.Db.open(Db.java:99)\n"
    "Caused by: java.net.ConnectException: Connection refused\n",
    "stopped": "The NCS server is stopped.\n",
    "a certificate list that waits": "The list of trusted certificates is being built, please wait\n",
    "busy": "Certificate validation is locked by another user, try again later\n",
    "any words": "Hello\n",
    "an entry cut in its key": "host=10.0.0.12_80\n",
    "an entry cut before its subject": "host=10.0.0.12_8082; sub\n",
}


@pytest.mark.parametrize("around", ["{0}", HEADER + "{0}", ONE + "{0}", HEADER + ONE + "\n{0}", "{0}" + ONE])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_no_list(failure: str, around: str) -> None:
    """Alone, under the header, or beside entries: it is handed back, and the whole is not recognised."""
    listing = read_listing(around.format(FAILURES[failure]), "primary")
    assert not listing.recognised
    assert any(FAILURES[failure].split("\n")[0].strip() in line for line in listing.unread)


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        HEADER.replace(",\n", ", "),
        HEADER.replace("\n", "\r\n"),
        "\r\n" + HEADER.upper(),
        "Host certificates are added automatically to this list on the first connection.\n",
        "TOFU certificates:\n-----------------\n",
        "List of trusted host certificates\n",
        "Trust-on-first-use certificates\n\nHost        Subject\n====        =======\n",
        HEADER.replace("first connection", "fir\nst connection"),
    ],
)
def test_a_header_alone_is_an_empty_list(header: str) -> None:
    """The documented header and its relatives are recognised, wrapped or not."""
    listing = read_listing(header + "\nprime-pri/admin# ", "primary")
    assert (listing.pins, listing.unread, listing.recognised) == ((), (), True)


@pytest.mark.parametrize("text", ["", "\n", "\r\n \r\n", "prime-pri/admin# "])
def test_neither_header_nor_entry_is_not_known(text: str) -> None:
    """It is no list, and nothing in it is wrong."""
    listing = read_listing(text, "primary")
    assert (listing.pins, listing.unread, listing.recognised) == ((), (), False)


@pytest.mark.parametrize("width", [60, 79, 80, 100, 120, 132, 511])
def test_a_word_is_never_joined_where_a_blank_was_dropped(width: int) -> None:
    """Lines broken at blanks are handed back as unread: nobody can tell what stood between them."""
    subject = "/C=US/ST=CA/L=SJ/O=" + "Cisco Systems " * 40 + "/CN=x"
    lines = textwrap.wrap(f"host=10.0.0.12_8082; subject= {subject}", width)
    assert read_listing("\n".join(lines) + "\n", "primary", width=511).unread


@pytest.mark.parametrize(("count", "right"), [("Total: 1", True), ("1 entry", True), ("Total entries : 2", False)])
def test_a_count_must_be_that_of_the_entries(count: str, right: bool) -> None:
    """A list that says that it has more entries than were read is not whole."""
    assert read_listing(f"{ONE}\n{count}\n", "primary").recognised is right


@pytest.mark.parametrize("at", ["column", "blank"])
@pytest.mark.parametrize("width", range(20, 140))
def test_a_list_wrapped_at_any_width_is_read_whole_or_not_at_all(width: int, at: str) -> None:
    """Never a cut subject, never a cut key, and never two words in one."""
    subject = "/C=US/ST=CA/L=SJ/O=Cisco Systems/OU=Prime Infra/CN=prime-sec"
    keys = ["10.0.0.11_8082", "10.0.0.121_8082", "ise.example.com_443"]
    lines = HEADER.splitlines() + [f"host={key}; subject= {subject}{n}" for n, key in enumerate(keys)]
    if at == "blank":
        broken = [piece for line in lines for piece in textwrap.wrap(line, width, break_on_hyphens=False)]
    else:
        broken = [line[i : i + width] for line in lines for i in range(0, max(len(line), 1), width)]
    listing = read_listing("\r\n".join(broken) + "\r\n", "primary", width=511)
    if listing.recognised:
        assert [(pin.key, pin.subject) for pin in listing.pins] == [(k, f"{subject}{n}") for n, k in enumerate(keys)]
    if at != "blank" and width in USUAL_WIDTHS:
        assert listing.recognised


def in_style(parts: list[tuple[str, str]], style: str) -> str:
    if style == "slash":
        return "".join(f"/{kind}={value}" for kind, value in parts)
    equals = " = " if style == "spaced" else "="
    return ", ".join(f"{kind}{equals}{value}" for kind, value in parts)


NAMES = st.lists(
    st.tuples(
        st.sampled_from(["C", "ST", "L", "O", "OU", "CN"]),
        st.text("abcXYZ019 .-_ü'&", min_size=1, max_size=40).filter(lambda v: v == v.strip()),
    ),
    min_size=1,
    max_size=6,
)
RENDERED = st.fixed_dictionaries(
    {
        "pins": st.lists(st.tuples(keys, NAMES), max_size=5),
        "style": st.sampled_from(["slash", "spaced", "comma"]),
        "after": st.sampled_from(["", " ", "  "]),
        "before": st.sampled_from(["", " "]),
        "trailing": st.sampled_from(["", " "]),
        "header": st.sampled_from(["", HEADER, HEADER.replace(",\n", ", "), "TOFU certificates:\n\n"]),
        "width": st.one_of(st.none(), st.integers(20, 140), st.sampled_from([60, 79, 80, 100, 120, 132, 511])),
        "end": st.sampled_from(["\n", "\r\n", "\r\r\n"]),
        "prompted": st.booleans(),
    }
)


@given(RENDERED)
@settings(max_examples=many(300))
def test_a_list_however_it_is_rendered_is_read_whole_or_not_at_all(how: dict[str, Any]) -> None:
    """DN style, spacing, width, line ends, echo and prompt: the same pins come back, or none are believed."""
    wanted = [(key, in_style(name, how["style"])) for key, name in how["pins"]]
    lines = [f"host={key};{how['after']}subject={how['before']}{subject}{how['trailing']}" for key, subject in wanted]
    lines = [*how["header"].splitlines(), *lines]
    width = how["width"]
    if width:
        lines = [line[at : at + width] for line in lines for at in range(0, max(len(line), 1), width)]
    if how["prompted"]:
        lines = ["prime-pri/admin# ncs certvalidation tofu-certs listcerts", *lines, "prime-pri/admin# "]
    listing = read_listing(how["end"].join([*lines, ""]), "h", width=511)
    if listing.recognised:
        assert [(pin.key, pin.subject) for pin in listing.pins] == wanted
    elif not width:
        assert not wanted
        assert not how["header"]
