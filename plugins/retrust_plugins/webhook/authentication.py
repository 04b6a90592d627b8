"""Whether a request comes from who it may come from: a bearer token, an HMAC over the body, or both."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from retrust.secrets import Secrets
from retrust_plugins.webhook.settings import WebhookSettings


async def is_authentic(settings: WebhookSettings, secrets: Secrets, headers: Mapping[str, str], body: bytes) -> bool:
    """All that the settings name must be right; the secrets are read now, so that they can be changed."""
    right = []
    if settings.token is not None:
        token = (await secrets.get(settings.token)).get_secret_value()
        scheme, _, given = headers.get("authorization", "").partition(" ")
        right.append(scheme.lower() == "bearer" and _same(given.strip(), token))
    if settings.hmac is not None:
        key = (await secrets.get(settings.hmac.secret)).get_secret_value()
        expected = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
        right.append(_same(headers.get(settings.hmac.header.lower(), "").removeprefix("sha256=").lower(), expected))
    return bool(right) and all(right)


def may_be_authentic(settings: WebhookSettings, headers: Mapping[str, str]) -> bool:
    """Before the body is read: whether what must be there is there at all."""
    if settings.token is not None and not headers.get("authorization"):
        return False
    return settings.hmac is None or bool(headers.get(settings.hmac.header.lower()))


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
