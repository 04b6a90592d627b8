"""Distinguished names: every form reads, all forms of one name are equal, and what is printed reads back."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from retrust.x509.dn import Attribute, DistinguishedName

PRIME_SEC = DistinguishedName.parse("CN=prime-sec, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US")

values = st.one_of(
    st.text(max_size=12),
    st.text(alphabet='aZ é/,+=;"\\<>#\n', max_size=12),
    st.sampled_from(["a/CN=b", "a, CN=b", "a+OU=b", "#0C0161", "\\x41", "\\", "x\\", " x ", "\\2C", '"q"', "a\\/O=c"]),
)
types = st.sampled_from(["CN", "OU", "O", "C", "emailAddress", "DC", "1.2.3.4", "OID.2.5.4.3", "foo", "X-y"])
attributes = st.tuples(types, values)
names = st.lists(st.lists(attributes, min_size=1, max_size=3), max_size=5)


def build(rdns: list[list[tuple[str, str]]]) -> DistinguishedName:
    """A name from types and values, through the reader of the attribute names alone."""

    def attribute(type_: str, value: str) -> Attribute:
        return DistinguishedName.parse(f"{type_}=x").rdns[0][0]._replace(value=value)

    return DistinguishedName(tuple(tuple(attribute(*pair) for pair in rdn) for rdn in rdns))


@pytest.mark.parametrize(
    "text",
    [
        "/C=US/ST=CA/L=SJ/O=Cisco Systems/OU=Prime Infra/CN=prime-sec",
        " /C=US/ST=CA/L=SJ/O=Cisco Systems/OU=Prime Infra/CN=prime-sec ",
        "C = US, ST = CA, L = SJ, O = Cisco Systems, OU = Prime Infra, CN = prime-sec",
        "CN=prime-sec,OU=Prime Infra,O=Cisco Systems,L=SJ,ST=CA,C=US",
        'CN="prime-sec", OU="Prime Infra", O=Cisco\\20Systems, L=SJ, S=CA, C=US',
        "cn=PRIME-SEC; ou=prime  infra; o=cisco systems; l=sj; st=ca; c=us",
        "2.5.4.3=prime-sec, OID.2.5.4.11=#0c0b5072696d6520496e667261, O=Cisco Systems, L=SJ, ST=CA, C=US",
    ],
)
def test_every_form_of_one_name_is_equal(text: str) -> None:
    """Order, spacing, case, quoting and the spelling of attribute types do not count."""
    assert DistinguishedName.parse(text) == PRIME_SEC
    assert hash(DistinguishedName.parse(text)) == hash(PRIME_SEC)


@pytest.mark.parametrize(
    "text",
    [
        "CN=prime-pri, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US",
        "CN=prime-sec",
        "",
        "prime-sec",
        "CN=prime-sec, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US, C=DE",
    ],
)
def test_other_names_differ(text: str) -> None:
    """One attribute more, less or other makes another name."""
    assert DistinguishedName.parse(text) != PRIME_SEC


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("/O=a/b/CN=x", "a/b"),
        ("/O=http://a/b?c=d/CN=x", "http://a/b?c=d"),
        ("/O=Cisco Systems, Inc./CN=x", "Cisco Systems, Inc."),
        ("/O=\\xC3\\xA9t\\xC3\\xA9/CN=x", "été"),
        ("/O=a\\/CN=b/CN=x", "a/CN=b"),
        ("/O=DOM\\dave/CN=x", "DOM\\dave"),
        ('C = US, O = "Cisco Systems, Inc.", CN = x', "Cisco Systems, Inc."),
        ("C = US, O = Cisco Systems, Inc., CN = x", "Cisco Systems, Inc."),
        ("CN=x, O=Cisco Systems\\, Inc.", "Cisco Systems, Inc."),
        ("CN=x, O=Cisco Systems\\2C Inc.", "Cisco Systems, Inc."),
        ("CN=x, O=\\C3\\A9t\\C3\\A9", "été"),
        ("CN=x, O=été", "été"),
        ("CN=x, O=a=b", "a=b"),
        ('CN=x, O="a \\"quoted\\" b"', 'a "quoted" b'),
        ("CN=x, O=", ""),
        ("CN=x, O=\\#1", "#1"),
    ],
)
def test_values_hold_separators_and_escapes(text: str, value: str) -> None:
    """A value may hold what separates elsewhere, escaped, quoted, or bare where it is unambiguous."""
    name = DistinguishedName.parse(text)
    assert {a.value for rdn in name.rdns for a in rdn if a.name == "O"} == {value}
    assert {a.value for rdn in name.rdns for a in rdn if a.name == "CN"} == {"x"}


@pytest.mark.parametrize(
    "text",
    [
        "emailAddress=a@b.c",
        "E=a@b.c",
        "EMAILADDRESS=A@b.c",
        "/emailAddress=a@b.c",
        "1.2.840.113549.1.9.1=a@b.c",
        "OID.1.2.840.113549.1.9.1=#16056140622e63",
    ],
)
def test_attribute_types_have_aliases(text: str) -> None:
    """An e-mail address is one attribute by whatever name."""
    assert DistinguishedName.parse(text) == DistinguishedName.parse("email=a@b.c")


def test_trailing_blanks_do_not_count() -> None:
    """The sister page prints ``CN = kong`` with and without a trailing blank."""
    assert DistinguishedName.parse("CN = kong ") == DistinguishedName.parse("CN = kong")


def test_multi_valued_rdns_compare_flat() -> None:
    """Older OpenSSL flattens a multi-valued RDN in the slash form, so grouping does not count."""
    grouped = DistinguishedName.parse("CN=a+OU=b, C=US")
    assert grouped == DistinguishedName.parse("/C=US/OU=b/CN=a") == DistinguishedName.parse("/C=US/OU=b+CN=a")
    assert grouped.rfc4514() == "CN=a+OU=b,C=US"


def test_covers_is_subset_and_never_of_nothing() -> None:
    """A ``CN=`` alone is covered by the whole name; an empty or foreign name is not."""
    assert PRIME_SEC.covers(DistinguishedName.parse("CN=prime-sec"))
    assert PRIME_SEC.covers(PRIME_SEC)
    assert not DistinguishedName.parse("CN=prime-sec").covers(PRIME_SEC)
    assert not PRIME_SEC.covers(DistinguishedName.parse("CN=prime-pri"))
    assert not PRIME_SEC.covers(DistinguishedName.parse(""))


@pytest.mark.parametrize("text", ["kong", "/kong", '"CN=x"', 'CN="x', "=x", ", CN=x", "CN", "\\", "/=x"])
def test_unreadable_text_is_opaque(text: str) -> None:
    """What is no name is equal to itself only, and is printed as it was."""
    name = DistinguishedName.parse(text)
    assert not name.readable
    assert name == DistinguishedName.parse(text)
    assert name != DistinguishedName.parse("CN=x")
    assert name.rfc4514() == name.slash() == name.spaced() == text


def test_forms_are_printed_as_openssl_prints_them() -> None:
    """Printed forms are the ones that people compare with, escapes included."""
    name = DistinguishedName.parse('C = US, O = "Cisco, Inc", CN = DOM\\\\dave')
    assert name.slash() == "/C=US/O=Cisco, Inc/CN=DOM\\x5Cdave"
    assert name.spaced() == 'C = US, O = "Cisco, Inc", CN = "DOM\\\\dave"'
    assert name.rfc4514() == "CN=DOM\\\\dave,O=Cisco\\, Inc,C=US"


@given(names)
def test_what_one_form_prints_the_others_read_back(rdns: list[list[tuple[str, str]]]) -> None:
    """Slash, spaced and RFC 4514 are three spellings of one name, whatever its values hold."""
    name = build(rdns)
    assert DistinguishedName.parse(name.rfc4514()) == name
    assert DistinguishedName.parse(name.slash()) == name
    assert DistinguishedName.parse(name.spaced()) == name


@given(st.one_of(st.text(), st.text(alphabet='CNOU=/,+;"\\ #ab0\n')))
def test_no_text_crashes_it(text: str) -> None:
    """Any string is read, and what is printed of it reads back equal."""
    name = DistinguishedName.parse(text)
    assert DistinguishedName.parse(name.rfc4514()) == name
    assert DistinguishedName.parse(name.slash()) == name
    assert DistinguishedName.parse(name.spaced()) == name


@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20),
        min_size=1,
        max_size=3,
    )
)
def test_certificates_names_equal_their_printed_form(values: list[str]) -> None:
    """What cryptography prints of a certificate's name reads equal to the name itself."""
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, v) for v in values]
        + [x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@b.c")]
    )
    assert DistinguishedName.parse(name.rfc4514_string()) == DistinguishedName.from_x509(name)


plain = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 .-]{0,10}[A-Za-z0-9]", fullmatch=True)


@given(
    st.lists(
        st.tuples(st.sampled_from(["CN", "OU", "O", "C"]), st.one_of(plain, st.just("Example, Inc."))),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 80),
)
def test_a_name_cut_anywhere_may_be_the_name(rdns: list[tuple[str, str]], at: int) -> None:
    """Whatever form it is printed in, and wherever the text ends."""
    name = build([[rdn] for rdn in rdns])
    for form in (name.rfc4514(), name.slash(), name.spaced(), name.rfc4514().replace("\\,", ",")):
        assert name.may_be(f"{form[:at]}…"), form[:at]


@given(st.text(alphabet='CNOU=/,+;"\\ #ab0\n…'))
def test_any_text_may_have_been_cut(text: str) -> None:
    """No text crashes it; a name that says something else is not it."""
    PRIME_SEC.may_be(text)
    assert not PRIME_SEC.may_be("CN=prime-pri…")
    assert not PRIME_SEC.may_be("CN=prime, OU=Prime Infra…")
