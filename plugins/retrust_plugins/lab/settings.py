"""Every way in which one appliance may differ from the next, as settings with the seed's behaviour as default.

A ``Lab`` works on its own copy, and reads a setting each time it matters: a test may change
``lab.primary.settings.store.deletecert`` between two commands. Nothing here has behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

MILESTONES = ("Pre-HA Registration", "Database Replication", "Post HA Registration")

DeleteCert = Literal[
    "chatty",  # takes effect and says so
    "silent",  # takes effect, prints nothing
    "confirm",  # asks first
    "fail",  # prints an error, no effect
    "no-effect",  # says it worked, no effect
    "drop-before",  # the session drops before the delete takes effect
    "drop-after",  # the delete takes effect, then the session drops
    "answer-lost",  # the delete takes effect, and neither answer nor prompt ever comes
]
SelfEntries = Literal[
    "listed",  # pinned at the first start, never compared again
    "checked",  # compared in every round, so that a stale one is logged too
    "off",
]


AfterLogin = Literal[
    "home",
    "continue",  # a welcome with a Continue
    "session",  # another session is active: Continue leaves it alone
    "ends-session",  # another session is active: Continue ends it
    "expiring",  # the password will expire: change it, or later
    "change-password",  # the password must be changed
]
EndsAt = Literal[
    "ha-page",
    "readiness",
    "register",
    "milestones",
    "ise-list",
    "ise-form",
    "save",
    "register-done",
    "save-done",  # the press took effect, then the session ended
]


@dataclass
class PageSettings:
    """How the web pages look and behave where releases differ."""

    menu: Literal["click", "hover"] = "click"
    popup: bool = True  # a dialog over the page after the login
    popup_delay: float = 0.2
    ha_entries: Literal["left", "tabs"] = "left"
    failover: Literal["radio", "select"] = "radio"
    readiness_first: Literal["disabled", "refused", "optional"] = "disabled"
    ise_labels: tuple[str, str, str, str] = ("IP Address", "User Name", "Password", "Confirm Password")
    ise_port_field: bool = True
    ise_buttons: Literal["input", "link", "span"] = "input"
    label_mark: str = ""  # ":" or " *" after each label
    session_lifetime: float = 1800.0
    load_delay: float = 0.05  # until a page's content replaces its loading notice
    after_login: AfterLogin = "home"
    ends_session: tuple[EndsAt, ...] = ()  # where the session ends, once at each place
    lost_session: Literal["login", "silent"] = "login"  # what a page's script does then: go there, or nothing
    ha_delay: float = 0.0  # of the High Availability page, beyond load_delay
    mode_delay: float = 0.0  # until a script fills the cell of the Configuration Mode
    mode_awaited: str = ""  # what stands there until then
    readiness_delay: float = 0.0  # until a script fills the states of the checks
    milestones_stay: bool = True  # when the registration is over
    status_delay: float = 0.0  # until a script fills the cells of ISE's status
    ise_awaited: str = "Unknown"  # ISE's status before the first poll
    api_limit: int | None = None  # answers of the API before it says 503


@dataclass
class SessionSettings:
    """How an SSH session begins."""

    host_key_types: tuple[str, ...] = ("ssh-ed25519",)
    refuse_password: bool = False
    exec_allowed: bool = False
    channels: bool = True
    auth_banner: str | None = None
    banner: str | None = None
    resumable: bool = False  # sessions that were cut off are offered; Enter starts a new one
    login_question: str | None = None  # a yes/no question before the first prompt
    unexpected_question: str | None = None  # one that is no yes/no question
    config_mode: bool = False  # the first prompt is that of configuration mode, which `end` leaves
    prompt: str = "{hostname}/{user}# "
    shells_at_once: int | None = None


@dataclass
class TerminalSettings:
    """How a session goes on. What is by command goes by the command's beginning."""

    delay: float = 0.0
    delays: dict[str, float] = field(default_factory=dict)  # by the command's beginning
    questions_after: dict[str, str] = field(default_factory=dict)  # likewise: asked after the answer
    drops: tuple[str, ...] = ()  # likewise: the session drops instead
    reboots: dict[str, Literal["before", "after"]] = field(default_factory=dict)  # likewise: once, and its effect
    page_length: int = 24
    wrap: bool = True
    width: int | None = None  # where lines are broken, whatever the client's terminal is
    break_at: Literal["column", "blank"] = "column"
    echo: bool = True
    line_end: Literal["\r\n", "\r"] = "\r\n"


@dataclass
class StoreSettings:
    """The TOFU store, and how it is listed and deleted from."""

    list_answers: list[str] = field(default_factory=list)  # printed in place of the list, each once
    strangers: int = 0  # pins of hosts that nobody knows
    self_entries: SelfEntries = "listed"
    dn_style: Literal["slash", "spaced", "multi"] = "slash"
    escape_non_ascii: bool = False
    header: Literal["two-lines", "one-line", "off"] = "two-lines"
    after_semicolon: str = " "
    after_subject: str = " "
    trailing: str = ""
    deletecert: DeleteCert = "chatty"
    delete_question: str = "Do you want to delete the certificate of this host (yes/no) ? "
    delete_answer: str = "Deleted the certificate of host {key}"
    delete_error: str = "% Error: Unable to delete the certificate"
    wrong_key_error: str = "% Error: No certificate found for host {key}"


@dataclass
class NodeSettings:
    """One Prime server. ``subject`` is an RFC 4514 string; a password left out is made up for each lab."""

    hostname: str = "prime-pri"
    subject: str | None = None
    version: str = "3.5.0"
    username: str = "admin"
    password: str | None = None
    role: Literal["admin", "user"] = "admin"
    web_username: str = "root"
    web_password: str | None = None
    restart_time: float = 0.0

    session: SessionSettings = field(default_factory=SessionSettings)
    terminal: TerminalSettings = field(default_factory=TerminalSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    pages: PageSettings = field(default_factory=PageSettings)

    def change(self, name: str, value: object) -> None:
        """Change one setting, in whichever group it is."""
        groups = [part for part in (self, self.session, self.terminal, self.store) if hasattr(part, name)]
        if len(groups) != 1:
            raise AttributeError(f"NodeSettings has no {name!r}")
        setattr(groups[0], name, value)


LISTING_3_9: dict[str, Any] = {
    "dn_style": "spaced",
    "header": "off",
    "after_semicolon": "  ",
    "after_subject": "",
    "trailing": " ",
}
"""Changes for ``with_nodes`` that list pins as the sister page of release 3.9 prints them."""


@dataclass
class IseSettings:
    hostname: str = "ISE-server"
    subject: str | None = None
    username: str = "admin"
    password: str | None = None


@dataclass
class LogSettings:
    """The shape of the log. ``prefix`` stands before an event's first line; it may hold the time."""

    prefix: str = "{at} {level} "
    dn: Literal["seed", "full", "cn"] = "seed"
    wrapped: bool = True  # the ISE shape, broken inside `java.security.cert.CertificateException`
    blank_lines: bool = False  # between all lines, as the printed document shows them
    repeats: Literal[2, 3] = 2
    secondary_first_line: bool = False


@dataclass
class HaSettings:
    loss_mode: str = "HA Not Configured"
    loss_recovers: bool | None = None  # None: unless the mode says that HA is not configured
    readiness_time: float = 0.1
    failing_checks: tuple[str, ...] = ()
    registration_time: float = 0.6
    stuck_at: str | None = None  # one of MILESTONES
    fails_at: str | None = None
    error: str = "Registration failed. See the health monitor log for details."


@dataclass
class IseServersSettings:
    """The primary's list of ISE servers."""

    interval: float = 0.3
    recovers: bool = False  # reachable again by itself when trust is restored
    existing: Literal["replace", "allow", "error"] = "replace"
    checked_on_add: bool = True


@dataclass
class LabSettings:
    start: Literal["healthy", "fresh"] = "healthy"
    web: bool = True
    primary: NodeSettings = field(default_factory=NodeSettings)
    secondary: NodeSettings = field(
        default_factory=lambda: NodeSettings("prime-sec", store=StoreSettings(header="one-line"))
    )
    ise: tuple[IseSettings, ...] = (IseSettings(),)
    dna_center: tuple[IseSettings, ...] = ()  # the primary connects to them as it does to ISE servers

    addresses: Literal["auto", "distinct", "shared", "ipv6"] = "auto"
    chain: Literal["self-signed", "site-ca"] = "self-signed"
    key_type: Literal["ec", "rsa"] = "ec"
    web_certificate: Literal["separate", "shared"] = "separate"

    health_interval: float = 0.3
    connect_timeout: float = 2.0
    ha: HaSettings = field(default_factory=HaSettings)
    ise_servers: IseServersSettings = field(default_factory=IseServersSettings)
    log: LogSettings = field(default_factory=LogSettings)
    ping_interval: float = 30.0  # of the alarm stream

    def with_nodes(self, **changes: Any) -> LabSettings:
        """Apply the same changes to both Prime nodes, in whichever group they are; return these settings."""
        for node in (self.primary, self.secondary):
            for name, value in changes.items():
                node.change(name, value)
        return self
