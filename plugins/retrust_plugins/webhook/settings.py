"""What an inventory says of one door: who may send, what they may say, and how their JSON is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from retrust.inventory import Part, Text, Texts, Wrong
from retrust.secrets import SecretRef

Kind = Literal["log", "renewed"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Hmac(Part):
    """A signature over the body, as ``sha256=`` and hex in a header."""

    secret: SecretRef
    header: Text = "X-Hub-Signature-256"


class Mapping(Part):
    """Where plain JSON keeps what is needed: paths of keys and list indexes, such as ``result._raw``."""

    text: Text | None = Field(default=None, description="The log text.")
    time: Text | None = Field(default=None, description="When it was logged, for text that does not say it.")
    site: Text | None = None
    holder: Text | None = None
    node: Text | None = Field(default=None, description="The renewed node, or an ISE server's host.")
    fingerprint: Text | None = None
    certificate: Text | None = Field(default=None, description="The new certificate in PEM.")
    id: Text | None = Field(default=None, description="What a sender repeats when it sends the same again.")
    state: Text | None = Field(default=None, description="Whether an alert is on, where no usual field says it.")
    off: Texts = Field(default=(), description="Values of `state` that end an alert, beside resolved, ok and the like.")
    items: Text | None = Field(default=None, description="A list of such objects, if the body holds several.")

    def rules(self) -> Iterable[Wrong]:
        if self.text is None and self.fingerprint is None and self.certificate is None:
            yield (), "needs text, or for renewals fingerprint or certificate"


class WebhookSettings(Part):
    """One door at ``/hooks/NAME``; a token or an HMAC is always required."""

    name: Name = "events"
    token: SecretRef | None = Field(default=None, description="`Authorization: Bearer …`")
    hmac: Hmac | None = None
    may: tuple[Kind, ...] = Field(
        default=("log",),
        min_length=1,
        description="What its senders are believed; a renewal announces the fingerprint to expect.",
    )
    map: Mapping | None = Field(default=None, description="How plain JSON is read; CloudEvents need none.")
    delivery: Text | None = Field(
        default=None, description="The header with the id that a sender of plain JSON repeats when it sends again."
    )
    site: Text | None = Field(default=None, description="The site of everything that comes in here.")
    limit: int = Field(default=1024 * 1024, ge=1024, le=16 * 1024 * 1024, description="Bytes of a body.")

    def rules(self) -> Iterable[Wrong]:
        if self.token is None and self.hmac is None:
            yield (), "needs token or hmac: what anybody may send is no event"
