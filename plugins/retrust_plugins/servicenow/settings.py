"""What a policy may say of a change request."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from retrust.gates import GateSettings
from retrust.inventory import Duration, InventoryPath, Text, Texts, wrong
from retrust.secrets import SecretRef

LOOPBACK = ("127.0.0.1", "::1", "localhost")
OURS = ("correlation_id", "correlation_display", "state", "approval", "work_notes", "sys_id", "number")
"""Fields by which the gate finds and reads its change request; a policy cannot set them."""


def _url(value: Any) -> str:
    parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise wrong("must be the instance's address, such as https://example.service-now.com")
    if parts.username or parts.password:
        raise wrong("must not hold a user or password; give them as username and password")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise wrong("must be https: the password goes with every request")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong("must be the instance's address alone, without a path")
    return f"{parts.scheme}://{parts.netloc}"


def _fields(value: Any) -> Any:
    if isinstance(value, dict) and (taken := [name for name in value if name in OURS]):
        raise wrong(f"must not set {', '.join(taken)}: the gate does")
    return value


class TicketSettings(GateSettings):
    """``{gate: ticket, url: https://…, username: retrust, password: "env:SNOW", fields: {category: Network}}``."""

    url: Annotated[str, BeforeValidator(_url)]
    username: Text | None = None
    password: SecretRef | None = None
    token: SecretRef | None = Field(default=None, description="A bearer token, in place of username and password.")
    ca: InventoryPath | None = Field(default=None, description="A CA bundle, where the public ones do not do.")
    table: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "change_request"
    fields: Annotated[dict[Text, str], BeforeValidator(_fields)] = Field(
        default_factory=dict,
        description="Further fields of a new change request; {site}, {case}, {digest} and {grade} are filled in.",
    )
    open_states: Texts = Field(
        default=("-2", "-1"),
        min_length=1,
        description=("Values of state in which an approved change may run; by default Scheduled and Implement."),
    )
    closed_states: Texts = Field(
        default=("0", "3", "4"),
        description=("Values of state in which it may run no more; by default Review, Closed and Canceled."),
    )
    approved: Texts = Field(default=("approved",), min_length=1, description="Values of approval that approve.")
    rejected: Texts = Field(default=("rejected",), description="Values of approval that end it.")
    on_hold: Text = Field(default="on_hold", description="The field that says that nothing may be done for now.")
    start: Text = Field(default="start_date", description="The field with the planned start, in UTC.")
    end: Text = Field(default="end_date", description="The field with the planned end, in UTC.")
    creator: Text = Field(default="sys_created_by", description="The field that says who made the change request.")
    poll: Duration = Field(default=timedelta(minutes=1), description="How long to wait between looks.")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        basic = self.username is not None and self.password is not None
        if basic is (self.token is not None) or (self.username is None) is not (self.password is None):
            raise wrong("needs username and password, or token")
        if both := set(self.open_states) & set(self.closed_states):
            raise wrong(f"has {', '.join(sorted(both))} among open_states and closed_states")
        return self
