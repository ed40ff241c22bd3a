"""OpenID provider: one on loopback, with discovery, keys, codes with PKCE, signed id tokens and refresh."""

import asyncio
import contextlib
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.unit.server.serving import serving, settings_for

CLIENT_ID, CLIENT_SECRET = "holdfast-client", "holdfast-client-secret"


@cache
def key_pair(number: int) -> tuple[RSAKey, ECKey]:
    """Keys that sign, made once for all providers of a test run: an RSA key takes 0.1 s."""
    return (
        RSAKey.generate_key(2048, {"kid": f"rsa-{number}", "use": "sig"}),
        ECKey.generate_key("P-256", {"kid": f"ec-{number}", "use": "sig"}),
    )


class OpenIdProvider:
    """What it does can be changed while it runs. It is strict: a wrong client, verifier or redirect is refused."""

    def __init__(self) -> None:
        self.url = ""
        self.subject, self.name = "user-1", "ada"
        self.algorithm = "RS256"
        self.access_lasts_s: int | None = 3_600
        self.refreshes = True
        self.down = False
        self.answering = asyncio.Event()
        """Refresh tokens are answered while it is set."""
        self.answering.set()
        self.claims: dict[str, Any] = {}
        """Go over those of the id token; None takes one away."""
        self.signed_by: Any = None
        self.requests: list[str] = []
        self.issued: list[str] = []
        self.revoked: set[str] = set()
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh: set[str] = set()
        self._generation = 0
        self.new_keys()

    def new_keys(self) -> None:
        """Sign with other keys from now on."""
        self._generation += 1
        self._rsa, self._ec = key_pair(self._generation)

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self.describe),
            Route("/jwks", self.jwks),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
        ]

    async def describe(self, request: Request) -> Response:
        self.requests.append("describe")
        if self.down:
            return Response(status_code=503)
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
            }
        )

    async def jwks(self, request: Request) -> Response:
        self.requests.append("jwks")
        return JSONResponse(KeySet([self._rsa, self._ec]).as_dict(private=False))

    async def authorize(self, request: Request) -> Response:
        """The person agrees at once."""
        query = dict(request.query_params)
        assert query["client_id"] == CLIENT_ID and query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256" and query["nonce"] and query["state"]
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return RedirectResponse(f"{query['redirect_uri']}?code={code}&state={query['state']}", 302)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.requests.append(form["grant_type"])
        if self.down:
            return Response(status_code=503)
        expected = "Basic " + _basic(f"{CLIENT_ID}:{CLIENT_SECRET}")
        if request.headers.get("authorization") != expected:
            return JSONResponse({"error": "invalid_client"}, 401)
        if form["grant_type"] == "refresh_token":
            given = form.get("refresh_token", "")
            if given not in self._refresh:
                return JSONResponse({"error": "invalid_grant"}, 400)
            self._refresh.discard(given)
            await self.answering.wait()
            return JSONResponse(self._tokens())
        query = self._codes.pop(form.get("code", ""), None)
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        if query is None or query["code_challenge"] != challenge or query["redirect_uri"] != form.get("redirect_uri"):
            return JSONResponse({"error": "invalid_grant", "error_description": "no such code"}, 400)
        return JSONResponse({**self._tokens(), "id_token": self.id_token(query["nonce"])})

    def end_logins(self) -> None:
        """What the person does who takes their consent back."""
        self._refresh.clear()

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "preferred_username": self.name,
            **self.claims,
        }
        key = self.signed_by or (self._ec if self.algorithm.startswith("ES") else self._rsa)
        header = {"alg": self.algorithm, **({"kid": key.kid} if key.kid else {})}
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(header, kept, key, algorithms=[self.algorithm])

    def _tokens(self) -> dict[str, Any]:
        access = f"access-{secrets.token_urlsafe(16)}"
        self.issued.append(access)
        answer: dict[str, Any] = {"access_token": access, "token_type": "bearer"}
        if self.access_lasts_s is not None:
            answer["expires_in"] = self.access_lasts_s
        if self.refreshes:
            answer["refresh_token"] = f"refresh-{secrets.token_urlsafe(16)}"
            self._refresh.add(answer["refresh_token"])
        return answer


@contextlib.asynccontextmanager
async def openid_provider() -> AsyncIterator[OpenIdProvider]:
    """The provider, listening."""
    provider = OpenIdProvider()
    async with serving(Starlette(routes=provider.routes()), settings_for()) as running:
        provider.url = f"http://127.0.0.1:{running.port}"
        yield provider


def _basic(text: str) -> str:
    return b64encode(text.encode()).decode()
