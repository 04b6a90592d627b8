"""The inventory: what ``retrust.yaml`` may say, and reading it with errors that name file, line and key.

    from retrust.inventory import Site, SshSettings, load_inventory

``model`` holds the parts, ``fields`` the kinds of value, ``load`` reads, ``schema`` is for editors and
``template`` for ``retrust init``. Secrets are references only (``retrust.secrets``); what a policy means is
``retrust.policy``'s.
"""

from retrust.inventory.fields import (
    CertificateFingerprint,
    Duration,
    Email,
    Host,
    HostKeys,
    InventoryPath,
    Port,
    Text,
    Texts,
    format_duration,
    is_address,
    one_or_many,
    parse_duration,
    wrong,
)
from retrust.inventory.load import find_inventory, load_inventory
from retrust.inventory.model import (
    Clocks,
    ConsoleSettings,
    Defaults,
    Entry,
    GateEntry,
    Inventory,
    LedgerSettings,
    NotificationSettings,
    OidcSettings,
    Part,
    Person,
    PrefectSettings,
    Recurrence,
    SigningSettings,
    Site,
    SourceEntry,
    SshSettings,
    Trust,
    WebSettings,
    Wrong,
    absent,
)

__all__ = [
    "CertificateFingerprint",
    "Clocks",
    "ConsoleSettings",
    "Defaults",
    "Duration",
    "Email",
    "Entry",
    "GateEntry",
    "Host",
    "HostKeys",
    "Inventory",
    "InventoryPath",
    "LedgerSettings",
    "NotificationSettings",
    "OidcSettings",
    "Part",
    "Person",
    "Port",
    "PrefectSettings",
    "Recurrence",
    "SigningSettings",
    "Site",
    "SourceEntry",
    "SshSettings",
    "Text",
    "Texts",
    "Trust",
    "WebSettings",
    "Wrong",
    "absent",
    "find_inventory",
    "format_duration",
    "is_address",
    "load_inventory",
    "one_or_many",
    "parse_duration",
    "wrong",
]
