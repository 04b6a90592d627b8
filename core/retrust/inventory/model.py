"""What an inventory holds, in generic words; a target's plugin derives its kind of site from ``Site``.

Every part is frozen and refuses keys that it does not know. Rules between keys are ``rules`` methods, which
name the key that is wrong. Reading the file is ``load``'s, the words of a value's kind are in ``fields``.
Gates' and sources' own settings are their plugins' models: ``Inventory.parse`` applies them with lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from retrust import x509
from retrust.inventory.document import Document, dotted
from retrust.inventory.fields import (
    CertificateFingerprint,
    Duration,
    Email,
    Host,
    HostKeys,
    InventoryPath,
    Port,
    SshKeys,
    Text,
    Texts,
)
from retrust.inventory.problems import parse_part
from retrust.models import Endpoint, Frozen
from retrust.secrets.stores import BUILT_IN, SecretRef

Wrong = tuple[tuple[str | int, ...], str]
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class Part(Frozen):
    """A mapping of the inventory. ``rules`` yields (path below it, what is wrong) for rules between keys."""

    model_config = ConfigDict(defer_build=True, hide_input_in_errors=True)

    def rules(self) -> Iterable[Wrong]:
        return ()

    @model_validator(mode="after")
    def _obey(self) -> Self:
        return _refuse(self, tuple(self.rules()))


def _refuse(value: T, found: tuple[Wrong, ...]) -> T:
    """The value where nothing is wrong; else one error that carries every rule that is broken."""
    if found:
        said = "; ".join(f"{'.'.join(map(str, loc))}: {text}" if loc else text for loc, text in found)
        raise PydanticCustomError("rules", "{said}", {"said": said, "found": found})
    return value


def absent() -> Any:
    """The default of a part that may be left out: validated in its parent, so that it is not built twice."""
    return Field(default_factory=dict, validate_default=True)


class SshSettings(Part):
    """How a node's command line is reached. ``host_key`` or ``known_hosts`` verifies the server."""

    port: Port = 22
    username: Text
    password: SecretRef | None = None
    key_file: InventoryPath | None = None
    key_passphrase: SecretRef | None = None
    host_key: HostKeys | None = Field(
        default=None, description="Host key fingerprints as OpenSSH prints them, one or a list."
    )
    known_hosts: InventoryPath | None = Field(default=None, description="An OpenSSH known_hosts file.")
    address: Host | None = Field(default=None, description="Where SSH is reached, if not at the node's host.")

    def rules(self) -> Iterable[Wrong]:
        if (self.host_key is None) == (self.known_hosts is None):
            yield (), "needs host_key or known_hosts, exactly one: a host key is always verified"
        if self.password is None and self.key_file is None:
            yield (), "needs password or key_file"
        if self.key_passphrase is not None and self.key_file is None:
            yield ("key_passphrase",), "is of no use without key_file"


class WebSettings(Part):
    """How a node's pages are reached. ``ca`` or ``fingerprint`` verifies their certificate."""

    port: Port = 443
    username: Text
    password: SecretRef
    ca: InventoryPath | None = None
    fingerprint: CertificateFingerprint | None = None
    address: Host | None = Field(default=None, description="Where the pages are, if not at the node's host.")

    def rules(self) -> Iterable[Wrong]:
        if (self.ca is None) == (self.fingerprint is None):
            yield (), "needs ca or fingerprint, exactly one: the web certificate is always verified"


class Trust(Part):
    """What may be used as evidence: the site's own CA bundle, and channels through the nodes."""

    ca: InventoryPath | None = None
    tunnels: Literal["auto", "never"] = "auto"
    old_tls: bool = Field(default=False, description="Looks offer TLS 1.0 and 1.1, too.")
    watch: Duration = Field(
        default=timedelta(seconds=10),
        description="How long the holder's path is looked at again, at random moments, after it has made a new pin.",
    )


class Clocks(Part):
    """Two of the three clocks, and a reminder. The third, in which window a decision may run, is the window gate's."""

    decision: Duration = Field(default=timedelta(hours=72), description="How long a decision is valid.")
    reminder: Duration = Field(
        default=timedelta(hours=8), description="How long before a decision is due people are reminded of it."
    )
    observation: Duration = Field(default=timedelta(minutes=10), description="How old an observation may be.")


class Recurrence(Part):
    """The same edge healed more than ``healed`` times in ``days`` days stops automation and asks a person."""

    healed: int = Field(default=3, ge=1, strict=True)
    days: int = Field(default=30, ge=1, strict=True)


class PluginEntry(Part):
    """A list entry whose own keys are a plugin's; ``settings`` are these keys, as written.

    The plugin's model judges them later; that no literal secret gets that far is seen to here.
    """

    model_config = ConfigDict(extra="allow")

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.__pydantic_extra__ or {}

    @model_validator(mode="after")
    def _hold_no_secret(self, info: ValidationInfo) -> Self:
        found = tuple(_literals(self.settings, ()))
        schemes = {*BUILT_IN, *(info.context or {}).get("schemes", ())}
        known = ", ".join(sorted(schemes))
        text = f"must be a reference to a secret, such as env:NAME; known schemes: {known}"
        return _refuse(
            self,
            tuple((loc, text) for loc, value in found if ":" not in value or value.partition(":")[0] not in schemes),
        )


_SECRET_KEYS = ("password", "passphrase", "secret", "token")


def _literals(value: Any, loc: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Text under keys that are named as secrets are."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _literals(inner, (*loc, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _literals(inner, (*loc, index))
    elif value is not None and loc and str(loc[-1]).lower().endswith(_SECRET_KEYS):
        yield loc, str(value)


class GateEntry(PluginEntry):
    gate: Text


class SourceEntry(PluginEntry):
    source: Text


class Policy(Part):
    """Risk class to gates, all of them to be open."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, tuple[GateEntry, ...]]

    accept_blind_first_use: StrictBool = Field(
        default=False, description="No `security` gate only because a holder pins what it meets next."
    )

    @property
    def gates(self) -> Mapping[str, tuple[GateEntry, ...]]:
        return self.__pydantic_extra__ or {}


class Site(Part):
    """One unit of remediation. A target's site model derives from it and adds its nodes.

    ``risk_classes`` are what a policy may map to gates, and the occasions that ask for more of them; a
    target whose steps have classes of their own adds them.
    """

    risk_classes: ClassVar[tuple[str, ...]] = (
        "read",
        "delete-pin",
        "add-server",
        "interrupting",
        "security",
        "recurrence",
        "window",
    )

    name: str
    target: str
    trust: Trust = absent()
    policy: Policy = absent()
    include_self: StrictBool = Field(default=False, description="May a pin of oneself be planned?")
    clocks: Clocks = absent()
    recurrence: Recurrence = absent()
    maintenance: StrictBool = Field(default=False, description="Sightings are kept, and start nothing.")

    def endpoints(self) -> Mapping[str, Endpoint]:
        """Node to the endpoint it is pinned at; the core compares them between sites."""
        return {}

    def read_fingerprint(self, text: str) -> str:
        """A fingerprint as people and tools write it for such a site, in our spelling; else ``ValueError``."""
        return x509.parse_fingerprint(text)

    @field_validator("policy")
    @classmethod
    def _know_risk_classes(cls, policy: Policy) -> Policy:
        text = f"unknown risk class; known: {', '.join(cls.risk_classes)}"
        return _refuse(policy, tuple(((risk,), text) for risk in policy.gates if risk not in cls.risk_classes))


class Person(Part):
    """Someone who may decide, and what shows that it is them; a token of theirs does so, too."""

    name: str
    roles: Texts = ()
    email: Email | None = None
    subject: Text | None = Field(default=None, description="Their `sub` at the OIDC provider, console.oidc.issuer.")
    ssh_keys: SshKeys = Field(default=(), description="Public keys that sign for them, as .pub files hold them.")


class LedgerSettings(Part):
    """Where the ledger is; by default an SQLite file in RETRUST_HOME."""

    url: Text | None = Field(default=None, description="An SQLAlchemy URL without a password.")
    password: SecretRef | None = None
    witness: InventoryPath | None = Field(
        default=None, description="A file in another place, which keeps the head of the chain as signed notes."
    )

    def rules(self) -> Iterable[Wrong]:
        if self.url is None:
            if self.password is not None:
                yield ("password",), "is of no use without url"
            return
        scheme, there, rest = self.url.partition("://")
        if not there or not scheme:
            yield ("url",), "must be a database URL, such as postgresql://retrust@db.example.com/retrust"
        elif ":" in rest.rpartition("@")[0] or "password=" in rest.lower():
            yield ("url",), "must not hold a password; give it as a reference in ledger.password"


class PrefectSettings(Part):
    """A Prefect server and work pool, not the embedded ones; PREFECT_API_URL goes before ``api_url``."""

    api_url: Text | None = None
    auth: SecretRef | None = Field(default=None, description="The server's `user:password`.")
    work_pool: Text | None = None


class NotificationSettings(Part):
    """One receiver, and the ledger entries it is told of. Apprise URLs hold tokens, so it is a reference."""

    url: SecretRef
    on: tuple[Literal["waiting", "reminder", "refused", "healed", "failed", "alarm", "expired"], ...] = Field(
        default=("waiting", "reminder", "refused", "failed", "alarm", "expired"), min_length=1
    )
    sites: Texts = Field(default=(), description="Only these sites; empty for all.")


class OidcSettings(Part):
    """An OpenID provider. A person is known there by their ``subject``; nobody else of it is anybody here."""

    issuer: Text
    client_id: Text
    client_secret: SecretRef | None = None
    scopes: Texts = ("openid",)

    def rules(self) -> Iterable[Wrong]:
        there = urlsplit(self.issuer)
        here = there.hostname in ("127.0.0.1", "localhost", "::1")
        if there.scheme != "https" and not (there.scheme == "http" and here):
            yield ("issuer",), "must be an https:// address"


class ConsoleSettings(Part):
    """Where the console listens, and how others name it in links."""

    host: Host = "127.0.0.1"
    port: Port = 8420
    url: Text | None = Field(default=None, description="The address in links, where it is not host and port.")
    certificate: InventoryPath | None = None
    key: InventoryPath | None = None
    oidc: OidcSettings | None = None
    trusted_proxies: Texts = Field(default=(), description="Addresses of proxies whose X-Forwarded-For is believed.")
    session: Duration = Field(default=timedelta(hours=8), description="How long a sign-in lasts.")

    def rules(self) -> Iterable[Wrong]:
        if (self.certificate is None) != (self.key is None):
            yield (), "needs both certificate and key, or neither"
        if self.url is not None and not self.url.startswith(("https://", "http://")):
            yield ("url",), "must be a web address, such as https://retrust.example.com"

    @property
    def address(self) -> str:
        """What a link to the console begins with, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.certificate is not None else "http"
        return (self.url or f"{scheme}://{host}:{self.port}").rstrip("/")


class SigningSettings(Part):
    """Further SSH keys of people: an allowed-signers file as ``ssh-keygen -Y verify`` reads it, by their names."""

    allowed_signers: InventoryPath


class Defaults(Part):
    """``settings:``, what holds for every site that does not say otherwise, key by key."""

    clocks: Clocks = absent()
    recurrence: Recurrence = absent()
    policy: Policy = absent()


def _defaults() -> Defaults:
    return Defaults.model_construct(
        clocks=Clocks.model_construct(), recurrence=Recurrence.model_construct(), policy=Policy.model_construct()
    )


@dataclass(frozen=True)
class Inventory:
    """The whole inventory, as ``load_inventory`` reads it; ``file`` is its path as it was named.

    No pydantic model: each section is validated by itself, and only where the file has it.
    """

    sites: dict[str, Site]
    home: InventoryPath | None = None
    """Where state lives, if RETRUST_HOME does not say."""
    people: dict[str, Person] = field(default_factory=dict)
    ledger: LedgerSettings = field(default_factory=LedgerSettings.model_construct)
    prefect: PrefectSettings = field(default_factory=PrefectSettings.model_construct)
    sources: tuple[SourceEntry, ...] = ()
    notifications: tuple[NotificationSettings, ...] = ()
    console: ConsoleSettings = field(default_factory=ConsoleSettings.model_construct)
    signing: SigningSettings | None = None
    settings: Defaults = field(default_factory=_defaults)
    document: Document | None = field(default=None, repr=False, compare=False)
    context: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Pydantic's ``context`` for further parts: the folder of relative paths, the schemes of secrets."""

    @property
    def file(self) -> str | None:
        return self.document.file if self.document else None

    def where(self, *loc: str | int) -> str:
        """``file:line: dotted.path`` of a key, for whoever finds a part of the inventory wrong later."""
        return self.document.where(loc) if self.document else dotted(loc)

    def secret(self, text: str) -> SecretRef:
        """A reference that stands elsewhere, read as one in this file."""
        return SecretRef(text, self.context.get("folder"))

    def parse(self, model: type[M], settings: Mapping[str, Any], *loc: str | int) -> M:
        """A plugin's own settings at ``loc`` by its model; ``InventoryError`` names every problem's line."""
        return parse_part(model, settings, loc, self.document, self.context)


SECTIONS: dict[str, Any] = {
    "home": InventoryPath,
    "people": dict[str, Person],
    "ledger": LedgerSettings,
    "prefect": PrefectSettings,
    "sources": tuple[SourceEntry, ...],
    "notifications": tuple[NotificationSettings, ...],
    "console": ConsoleSettings,
    "signing": SigningSettings,
    "settings": Defaults,
}
"""The keys beside ``sites``, and what each holds."""
