"""``event log``, ``event renewed`` and ``event attested``: what was seen elsewhere, handed in by hand.

Sightings are kept in the ledger; ``check``, ``plan`` and ``run`` map them to edges when they look.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrust.cli import output
from retrust.cli.options import InventoryOption, JsonOption
from retrust.cli.showing import SignOption, level_of, person, somebody
from retrust.cli.started import start
from retrust.engine.engine import Engine
from retrust.errors import UsageError
from retrust.logs.scanner import scan_stream
from retrust.models import Sighting
from retrust.sources import sighting_of as sighting
from retrust.x509.certificates import fingerprint as of
from retrust.x509.files import server_certificate

if TYPE_CHECKING:
    from pydantic import SecretStr

    from retrust.inventory import Site
    from retrust.ledger import Ledger
    from retrust.signatures import Match

SiteOption = Annotated[str | None, typer.Option("--site", metavar="SITE", help="The site, where it is known.")]


async def log(
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="Log text; - is standard input.")] = "-",
    site: SiteOption = None,
    holder: Annotated[str | None, typer.Option(help="The node whose log it is, where it is known.")] = None,
    sign_with: SignOption = None,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> None:
    """Hand in log text: every failure it tells of becomes a sighting."""
    engine = start(inventory)
    _known(engine, site, holder)
    received = datetime.now(UTC)
    newest = received if file == "-" else min(received, _written_at(Path(file)))
    names: Counter[str] = Counter()
    untimed: Counter[str] = Counter()

    def sightings(by: str) -> Iterator[Sighting]:
        for match in _scan(engine, file):
            seen = sighting(
                match,
                source=_source(file),
                site=site,
                holder=holder,
                received=received,
                newest=newest,
                by=by,
                level=level_of(by),
            )
            names[match.dn or "an unnamed server"] += 1
            untimed[match.dn or "an unnamed server"] += seen.at is None
            yield seen

    async with await engine.open_ledger() as ledger:
        await ledger.sight_many(sightings(await somebody(engine, ledger, sign_with)))
    _told(names, untimed, json)


def _scan(engine: Engine, file: str) -> Iterator[Match]:
    signatures = engine.log_signatures
    if file == "-":
        with FileIO(sys.stdin.fileno(), closefd=False) as stream:
            yield from scan_stream(stream, signatures)
        return
    with _opened(Path(file)) as stream:
        yield from scan_stream(stream, signatures)


def _opened(path: Path) -> FileIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as exc:
        raise UsageError(f"cannot be read: {exc.strerror}", where=str(path)) from exc


def _written_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as exc:
        raise UsageError(f"cannot be read: {exc.strerror}", where=str(path)) from exc


def _source(file: str) -> str:
    return "standard input" if file == "-" else Path(file).name


def _told(names: Counter[str], untimed: Counter[str], json: bool) -> None:
    if json:
        output.print_json({"sightings": names.total(), "names": dict(names), "unknown_times": untimed.total()})
        return
    if not names:
        output.say("no certificate change found in this log")
    for name, count in names.items():
        output.say(
            f"{count} sighting{'s' if count != 1 else ''}: the certificate of {name} changed"
            f"{_at_unknown_times(count, untimed[name])}"
        )


def _at_unknown_times(count: int, untimed: int) -> str:
    if not untimed:
        return ""
    which = "" if untimed == count else f"{untimed} of them "
    return f" ({which}at an unknown time: a reason to look, and no more)"


async def renewed(
    site: Annotated[str, typer.Argument(metavar="SITE")],
    node: Annotated[str, typer.Argument(help="The node that was renewed, or an ISE server's host.")],
    certificate: Annotated[Path | None, typer.Option(help="The new certificate; - is standard input.")] = None,
    fingerprint: Annotated[str | None, typer.Option(help="Its fingerprint, SHA256:…")] = None,
    password: Annotated[str | None, typer.Option(help="Of a PKCS#12 file, as env:NAME or file:PATH.")] = None,
    sign_with: SignOption = None,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> None:
    """Hand in a certificate renewal, as a deploy hook does: it announces the new fingerprint."""
    engine = start(inventory)
    secret = await _password(engine, password) if password else None
    found = _fingerprint(engine.site(site), certificate, fingerprint, secret)
    async with await engine.open_ledger() as ledger:
        by = await somebody(engine, ledger, sign_with)
        await _announce(engine, ledger, site, node, "renewed", found, by=by, json=json)


async def attested(
    site: Annotated[str, typer.Argument(metavar="SITE")],
    node: Annotated[str, typer.Argument(help="The node, or an ISE server's host.")],
    read: Annotated[str | None, typer.Argument(metavar="[FINGERPRINT]", help="What you read out of band.")] = None,
    fingerprint: Annotated[str | None, typer.Option(help="The same, as `event renewed` takes it.")] = None,
    sign_with: SignOption = None,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> None:
    """Enter a fingerprint that you read out of band; you may then not decide the plan."""
    if (read is None) is (fingerprint is None):
        raise UsageError("give the fingerprint once", hint=f"retrust event attested {site} {node} SHA256:…")
    engine = start(inventory)
    found = _fingerprint(engine.site(site), None, read or fingerprint)
    async with await engine.open_ledger() as ledger:
        by = await person(engine, ledger, sign_with)
        await _announce(engine, ledger, site, node, "person", found, by=by, json=json)


async def _announce(
    engine: Engine, ledger: Ledger, site: str, node: str, kind: str, fingerprint: str, *, by: str, json: bool
) -> None:
    chosen = engine.site(site)
    named = chosen.endpoints()
    endpoint = named.get(node) or next((e for e in named.values() if e.host == node), None)
    if endpoint is None:
        raise UsageError(f"the site {site} has no node {node!r}", hint=f"its nodes: {', '.join(named)}")
    now = datetime.now(UTC)
    announced = Sighting.model_validate(
        {
            "id": f"{kind}:{site}:{node}:{now.timestamp()}",
            "kind": kind,
            "site": site,
            "endpoint": endpoint,
            "fingerprint": fingerprint,
            "at": now,
            "received_at": now,
            "source": "command line",
            "actor": by,
            "level": level_of(by),
        }
    )
    await ledger.sight(announced)
    if json:
        output.print_json({"site": site, "node": node, "fingerprint": fingerprint, "level": announced.level})
    output.say(f"{site}: {node} is expected to present {fingerprint}")


async def _password(engine: Engine, text: str) -> SecretStr:
    if ":" not in text:
        raise UsageError("--password takes a reference, never the password itself", hint="env:NAME or file:PATH")
    return await engine.secrets.get(engine.inventory.secret(text))


def _fingerprint(
    site: Site, certificate: Path | None, fingerprint: str | None, password: SecretStr | None = None
) -> str:
    if (certificate is None) == (fingerprint is None):
        raise UsageError("give the certificate or its fingerprint", hint="--certificate FILE or --fingerprint SHA256:…")
    if fingerprint is not None:
        try:
            return site.read_fingerprint(fingerprint)
        except ValueError as exc:
            raise UsageError(str(exc)) from exc
    assert certificate is not None
    try:
        data = sys.stdin.buffer.read() if str(certificate) == "-" else _opened(certificate).read()
        return of(server_certificate(data, password.get_secret_value().encode() if password else None))
    except OSError as exc:
        raise UsageError(f"cannot be read: {exc.strerror}", where=str(certificate)) from exc
    except ValueError as exc:
        raise UsageError(str(exc), where=str(certificate)) from exc


def _known(engine: Engine, site: str | None, holder: str | None) -> None:
    if site is None:
        if holder is not None:
            raise UsageError("--holder needs --site")
        return
    chosen = engine.site(site)
    if holder is not None and holder not in engine.target(chosen).holders(chosen):
        raise UsageError(
            f"the site {site} has no holder {holder!r}",
            hint=f"its holders: {', '.join(engine.target(chosen).holders(chosen))}",
        )
