"""What a rejected certificate looks like in the logs: the seed's three shapes, to the letter."""

from __future__ import annotations

import pytest
from cryptography import x509

from retrust_plugins.lab.logs import NodeLog
from retrust_plugins.lab.settings import LogSettings

DN = "CN={},OU=Prime Infra,O=Cisco Systems,L=SJ,ST=CA,C=US"
CONFIGURED = "Trust-on-first-use is configure for this connection."
DIFFERENT = "Current certificate of the remote host is different from what was used earlier"

PRIMARY = f"""[system] [HealthMonitorThread] TOFU failed.
Check local trust {CONFIGURED}
{DIFFERENT} - CN=prime-sec, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US
javax.net.ssl.SSLHandshakeException: java.security.cert.CertificateException:
{CONFIGURED}
{DIFFERENT}
"""
SECONDARY = f"""Check local trust {CONFIGURED}
{DIFFERENT} - CN=prime-pri, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US
javax.net.ssl.SSLHandshakeException: java.security.cert.CertificateException:
{CONFIGURED}
{DIFFERENT} - CN=prime-pri
"""
ISE = f"""[system] [seqtaskexecutor-3069] TOFU failed.
Check local trust {CONFIGURED}
{DIFFERENT}
- CN=ISE-server
javax.net.ssl.SSLHandshakeException: java.security.cert.
CertificateException: {CONFIGURED}
{DIFFERENT}
- CN=ISE-server
"""


def _name(common: str) -> x509.Name:
    return x509.Name.from_rfc4514_string(DN.format(common))


@pytest.fixture
def written(tmp_path):
    """The text that one event leaves in a log of these settings."""

    def write(kind: str, common: str, **settings) -> str:
        log = NodeLog(tmp_path, LogSettings(**{"prefix": ""} | settings))
        log.clear()
        getattr(log, f"{kind}_mismatch")(_name(common))
        return log.text("ncs" if kind == "ise" else "hm")

    return write


@pytest.mark.parametrize(
    ("kind", "common", "text"),
    [("primary", "prime-sec", PRIMARY), ("secondary", "prime-pri", SECONDARY), ("ise", "ISE-server", ISE)],
)
def test_shapes_of_the_seed(written, kind, common, text):
    """Each of the three events is written as the seed prints it, slips included."""
    assert written(kind, common) == text


def test_blank_lines_between(written):
    """With blank lines the text is as the printed document spaces it."""
    assert written("ise", "ISE-server", blank_lines=True) == ISE.strip().replace("\n", "\n\n") + "\n"


def test_variations(written):
    """Unwrapped, with the common name alone, three times, and with the secondary's first line."""
    assert f"java.security.cert.CertificateException: {CONFIGURED}\n" in written("ise", "x", wrapped=False)
    assert "OU=" not in written("primary", "x", dn="cn")
    assert "- CN=x, OU=Prime Infra" in written("ise", "x", dn="full")
    assert written("primary", "x", repeats=3).count(DIFFERENT) == 3
    first = written("secondary", "x", secondary_first_line=True).splitlines()[0]
    assert first == "[system] [HealthMonitorThread] TOFU failed."


def test_prefix_stands_before_the_first_line_only(written):
    """One event is one record, so that its time stands once."""
    lines = written("primary", "x", prefix="<{level}> ").splitlines()
    assert [line.startswith("<ERROR> ") for line in lines] == [True, *[False] * 5]


async def test_the_running_lab_writes_them(start):
    """Nodes write into real files, each the shape of its role."""
    from retrust_plugins.lab import LabSettings

    lab = await start(LabSettings(web=False, log=LogSettings(prefix="")))
    await lab.secondary.renew()
    await lab.primary.renew()
    await lab.ise[0].renew()
    await lab.until(lambda: PRIMARY in lab.primary.log_text("hm"), "the primary's")
    await lab.until(lambda: SECONDARY in lab.secondary.log_text("hm"), "the secondary's")
    await lab.until(lambda: ISE in lab.primary.log.path("ncs").read_text(), "ISE's")
