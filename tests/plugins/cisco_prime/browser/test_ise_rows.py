"""Which lines of the ISE page are an answer to an add, and whose address stands where."""

from __future__ import annotations

import pytest

from retrust_plugins.cisco_prime.browser.ise_rows import host_pattern, is_refusal, ise_relation


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("Unable to connect to the ISE server with these credentials.", True),
        ("ISE server 10.0.0.2 already exists.", True),
        ("10.0.0.2: login failed", True),
        ("The passwords do not match.", True),
        ("IP Address is required.", True),
        ("ISE server 10.0.0.21 could not be reached.", False),
        ("Connection to 10.9.9.9 failed", False),
        ("Backup job failed on the server", False),
        ("No errors.", False),
        ("ISE server 10.0.0.2 was added.", False),
    ],
)
def test_a_notice_of_another_thing_is_no_refusal(line, refused):
    """Trouble of another address, or of another matter, says nothing of the server that is added."""
    assert is_refusal(line, "10.0.0.2") is refused


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.2", True),
        ("10.0.0.2:443", True),
        ("server 10.0.0.2.", True),
        ("10.0.0.21", False),
        ("110.0.0.2", False),
        ("10.0.0.2.example", False),
        ("ise-10.0.0.2", False),
    ],
)
def test_an_address_is_found_whole(text, found):
    """A part of another address is not this one; a port behind it does no harm."""
    assert bool(host_pattern("10.0.0.2").search(text)) is found


@pytest.mark.parametrize("text", ["", "-", "Loading...", "N/A"])
def test_a_status_that_is_not_there_yet_is_none(text):
    """What stands there is kept as the reason."""
    relation = ise_relation(text)
    assert (relation.status, relation.healthy) == (None, None)
    assert repr(text) in str(relation.detail)
