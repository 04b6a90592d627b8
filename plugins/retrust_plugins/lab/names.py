"""Distinguished names as the appliance and its Java parts print them. Nothing here reads one.

``slash`` and ``spaced`` are OpenSSL's two one-line forms, from the country down to the common name;
``java`` is ``X500Principal``'s, the other way round.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

_SHORT = {
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COMMON_NAME: "CN",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.SERIAL_NUMBER: "serialNumber",
}


def _parts(name: x509.Name) -> list[tuple[str, str]]:
    return [(_SHORT.get(a.oid, a.oid.dotted_string), str(a.value)) for a in name]


def slash(name: x509.Name, escape: bool = False) -> str:
    """``/C=US/ST=CA/CN=x``, where a value's own ``/`` and ``=`` are not escaped."""
    text = "".join(f"/{kind}={value}" for kind, value in _parts(name))
    return _bytes_escaped(text, "\\x") if escape else text


def spaced(name: x509.Name, escape: bool = False) -> str:
    """``C = US, ST = CA, CN = x``, where a value with a comma is quoted."""
    text = ", ".join(f"{kind} = {_quoted(value, ',+<>;')}" for kind, value in _parts(name))
    return _bytes_escaped(text, "\\") if escape else text


def java(name: x509.Name) -> str:
    """``CN=x, ST=CA, C=US``, where a value with a comma or an equals sign is quoted."""
    return ", ".join(f"{kind}={_quoted(value, ',+=<>#;')}" for kind, value in reversed(_parts(name)))


def common_name(name: x509.Name) -> str:
    """``CN=x`` alone; the whole name where it has none."""
    for kind, value in _parts(name):
        if kind == "CN":
            return f"CN={_quoted(value, ',+=<>#;')}"
    return java(name)


def _quoted(value: str, special: str) -> str:
    if not any(c in value for c in special + '"\\') and value == value.strip():
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _bytes_escaped(text: str, mark: str) -> str:
    """Each byte of a character beyond ASCII in hexadecimal, as OpenSSL prints it unless told otherwise."""
    return "".join(c if c.isascii() else "".join(f"{mark}{b:02X}" for b in c.encode()) for c in text)
