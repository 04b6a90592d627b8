"""Signing in at an OpenID provider: the code flow with PKCE, state and nonce.

A person of the inventory is known by their ``subject`` there, and has the inventory's roles. Nobody else who has an
account there is anybody here, whatever name, mail address or group the provider gives them.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from retrust.approval import person_at
from retrust_plugins.console.access import TheConsole, address_of
from retrust_plugins.console.context import Console
from retrust_plugins.console.sessions import cookie_name, set_cookie
from retrust_plugins.console.signin import local

if TYPE_CHECKING:
    from retrust.inventory import OidcSettings

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)
LASTS, TIMEOUT, LEEWAY = 600, 15.0, 60
SIGNED_WITH = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
BACK = "/sign-in/oidc/back"


class Failed(HTTPException):
    """The provider did not say who this is; what it did say stays in the log."""

    def __init__(self, what: str) -> None:
        super().__init__(502, f"the sign-in at the provider failed: {what}")


@router.get("/sign-in/oidc")
async def begin(request: Request, console: TheConsole, to: str = "/") -> Response:
    oidc = _settings(console)
    provider = await _provider(oidc)
    flow = {
        "state": secrets.token_urlsafe(24),
        "nonce": secrets.token_urlsafe(24),
        "verifier": secrets.token_urlsafe(48),
        "to": local(to),
    }
    challenge = base64.urlsafe_b64encode(hashlib.sha256(flow["verifier"].encode()).digest()).decode().rstrip("=")
    query = urlencode(
        {
            "response_type": "code",
            "client_id": oidc.client_id,
            "redirect_uri": _back(console),
            "scope": " ".join(oidc.scopes),
            "state": flow["state"],
            "nonce": flow["nonce"],
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
    )
    response = RedirectResponse(f"{provider['authorization_endpoint']}?{query}", 303)
    set_cookie(
        request,
        response,
        console.host,
        _cookie(request, console),
        console.sessions.seals.seal("oidc", flow, LASTS),
        LASTS,
    )
    return response


@router.get(BACK)
async def back(request: Request, console: TheConsole, state: str = "", code: str = "") -> Response:
    """Where the provider sends the browser back to; the code is good for one token, and only here."""
    oidc = _settings(console)
    if wait := console.throttle.wait(address_of(request)):
        raise HTTPException(429, "too many failed attempts", {"Retry-After": str(wait)})
    flow = console.sessions.seals.opened("oidc", request.cookies.get(_cookie(request, console)))
    if flow is None or not code or not secrets.compare_digest(flow["state"].encode(), state.encode()):
        console.throttle.failed(address_of(request))
        raise HTTPException(403, "this sign-in was not begun here, or took too long: begin again")
    claims = await _claims(console, oidc, code, flow)
    person = person_at(console.host.inventory, oidc.issuer, claims["sub"])
    if person is None:
        log.warning("signed in at %s and is nobody here: subject %r", oidc.issuer, claims["sub"])
        raise HTTPException(403, "the inventory names nobody with your account: have its subject added to people")
    response = RedirectResponse(flow["to"], 303)
    response.delete_cookie(_cookie(request, console), path="/")
    await console.sessions.sign_in(request, response, person=person, subject=(oidc.issuer, claims["sub"]))
    return response


def _settings(console: Console) -> OidcSettings:
    oidc = console.host.inventory.console.oidc
    if oidc is None:
        raise HTTPException(404, "no OpenID provider is set up")
    return oidc


def _back(console: Console) -> str:
    return console.host.inventory.console.address + BACK


def _cookie(request: Request, console: Console) -> str:
    return f"{cookie_name(request, console.host)}-oidc"


# -- the provider's side -----------------------------------------------------------------------------


async def _provider(oidc: OidcSettings) -> dict[str, Any]:
    said = await _asked("GET", f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration")
    if said.get("issuer") != oidc.issuer:
        raise Failed("it calls itself otherwise than the inventory does")
    return said


async def _claims(console: Console, oidc: OidcSettings, code: str, flow: dict[str, Any]) -> dict[str, Any]:
    """The ID token's claims, once its signature, issuer, audience, times and nonce are as they must be."""
    provider = await _provider(oidc)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _back(console),
        "code_verifier": flow["verifier"],
        "client_id": oidc.client_id,
    }
    auth = None
    if oidc.client_secret is not None:
        auth = (oidc.client_id, (await console.host.secrets.get(oidc.client_secret)).get_secret_value())
    said = await _asked("POST", provider["token_endpoint"], data=form, auth=auth)
    keys = await _asked("GET", provider["jwks_uri"])
    try:
        token = jwt.decode(said["id_token"], KeySet.import_key_set(keys), algorithms=SIGNED_WITH)  # type: ignore[arg-type]
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": oidc.issuer},
            aud={"essential": True, "value": oidc.client_id},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": flow["nonce"]},
        ).validate(token.claims)
    except (JoseError, KeyError, ValueError) as exc:
        raise Failed(f"its ID token is not valid ({type(exc).__name__})") from exc
    return dict(token.claims)


async def _asked(method: str, url: str, **more: Any) -> dict[str, Any]:
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False) as client:
            answer = await client.request(method, url, **more)
        said = answer.json() if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError) as exc:
        raise Failed(f"it cannot be reached ({type(exc).__name__})") from exc
    if not isinstance(said, dict):
        raise Failed(f"it answered {answer.status_code}")
    return said
