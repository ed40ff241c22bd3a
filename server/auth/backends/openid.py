"""OpenID provider: discovery, the code flow with PKCE and token renewal. Identity tokens are verified by signature."""

import asyncio
import time
from typing import Any

import httpx2
import msgspec
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from agent.util.tls import trusted
from server.auth.backends.base import LoginRefused, ProviderError
from server.config.auth import OauthSettings

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Accepted signatures. `none` and shared secrets (HS256 ...) are not accepted."""
LEEWAY_S = 60
DOCUMENT_LASTS_S = 3_600.0


TIMEOUT_S = 10.0
"""How long the provider may take to answer: a person waits for the login."""

REQUESTS_MAX = 16
"""Requests to the provider at once; more wait, at most `TIMEOUT_S`. Logins are rare, and providers limit rates."""

KEYS_AGAIN_S = 10.0
"""How soon the provider's keys are read again for a signature by an unknown key. Soon enough for a rotation, and forged
tokens cause few requests."""


class ProviderMetadata(msgspec.Struct, frozen=True):
    """The provider's metadata (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class ProviderTokens(msgspec.Struct, frozen=True):
    """The provider's tokens for a user. `expires_at`: of the access token, in seconds since 1970; None: not known."""

    access_token: str
    refresh_token: str | None = None
    expires_at: float | None = None


class Identity(msgspec.Struct, frozen=True):
    """Who logged in. `subject`: the user's id, which never changes at this provider. `name`: to show to people."""

    subject: str
    name: str
    tokens: ProviderTokens


class OpenIDProvider:
    """One OpenID provider, used by the code flow with PKCE (RFC 7636)."""

    def __init__(self, settings: OauthSettings) -> None:
        self._settings = settings
        self._client = httpx2.AsyncClient(timeout=TIMEOUT_S, verify=trusted())
        self._at_once = asyncio.Semaphore(REQUESTS_MAX)
        self._reading = asyncio.Lock()
        self._document: ProviderMetadata | None = None
        self._document_at = 0.0
        self._keys: KeySet | None = None
        self._keys_at = 0.0

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def login_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """The URL where a browser logs in. Raises `ProviderError`."""
        document = await self._describe()
        async with self._oauth() as oauth:
            url, _ = oauth.create_authorization_url(
                document.authorization_endpoint,
                state=state,
                code_verifier=verifier,
                nonce=nonce,
                redirect_uri=redirect_uri,
            )
        return str(url)

    async def redeem(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> Identity:
        """The identity for the code that the browser brought back. Raises `ProviderError`, `LoginRefused`."""
        document = await self._describe()
        answer = await self._token(
            document,
            grant_type="authorization_code",
            code=code,
            redirect_uri=redirect_uri,
            code_verifier=verifier,
        )
        tokens = read_tokens(answer, None)
        claims = await self._verify(document, str(answer.get("id_token", "")), nonce, tokens.access_token)
        names = [claims.get(key) for key in ("preferred_username", "name")]
        name = next((name for name in names if isinstance(name, str) and name), claims["sub"])
        return Identity(claims["sub"], str(name), tokens)

    async def refresh(self, tokens: ProviderTokens) -> ProviderTokens:
        """New tokens, for the refresh token. Raises `ProviderError`, `LoginRefused`."""
        document = await self._describe()
        answer = await self._token(document, grant_type="refresh_token", refresh_token=tokens.refresh_token)
        return read_tokens(answer, tokens.refresh_token)

    def _oauth(self) -> Any:
        given = self._settings
        scopes = given.scopes.split()
        return AsyncOAuth2Client(
            given.client_id,
            given.client_secret or None,
            scope=" ".join(dict.fromkeys(["openid", *scopes])),
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
            verify=trusted(),
        )

    async def _token(self, document: ProviderMetadata, *, grant_type: str, **fields: str | None) -> dict[str, Any]:
        try:
            async with asyncio.timeout(TIMEOUT_S), self._at_once, self._oauth() as oauth:
                if grant_type == "refresh_token":
                    # Without a scope the provider keeps the one that the user agreed to.
                    oauth.scope = None
                    return dict(await oauth.refresh_token(document.token_endpoint, **fields))
                return dict(await oauth.fetch_token(document.token_endpoint, grant_type=grant_type, **fields))
        except OAuthError as error:
            raise LoginRefused(f"the provider refused: {str(error.error)[:100]}") from None
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            raise ProviderError(f"the provider's token endpoint failed: {type(error).__name__}") from None

    async def _verify(self, document: ProviderMetadata, id_token: str, nonce: str, access_token: str) -> dict[str, Any]:
        """The claims of an id token, if this provider signed it for this client and this login."""
        try:
            token = await self._decode(document, id_token)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": document.issuer},
                    "aud": {"essential": True, "value": self._settings.client_id},
                },
                {"nonce": nonce, "client_id": self._settings.client_id, "access_token": access_token},
            )
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            raise ProviderError(f"the provider's id token is not valid: {type(error).__name__}") from None
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise ProviderError("the provider's id token names no subject")
        return dict(claims)

    async def _decode(self, document: ProviderMetadata, id_token: str) -> jwt.Token:
        keys = await self._key_set(document, newer_than=None)
        try:
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # It may be signed by a key that is newer than the cached ones.
            newer = await self._key_set(document, newer_than=keys)
            if newer is keys:
                raise
            return jwt.decode(id_token, newer, algorithms=ALGORITHMS)

    async def _describe(self) -> ProviderMetadata:
        async with self._reading:
            if self._document is None or time.monotonic() - self._document_at > DOCUMENT_LASTS_S:
                base = self._settings.provider_url.rstrip("/")
                data = await self._get(f"{base}/.well-known/openid-configuration")
                try:
                    document = msgspec.json.decode(data, type=ProviderMetadata)
                except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                    raise ProviderError("the provider's metadata are not those of OpenID Connect") from error
                if document.issuer.rstrip("/") != base:
                    raise ProviderError("the provider's issuer is not auth.oauth.provider_url")
                self._document, self._document_at = document, time.monotonic()
            return self._document

    async def _key_set(self, document: ProviderMetadata, newer_than: KeySet | None) -> KeySet:
        async with self._reading:
            now = time.monotonic()
            wanted = self._keys is None or (self._keys is newer_than and now - self._keys_at >= KEYS_AGAIN_S)
            if wanted or now - self._keys_at > DOCUMENT_LASTS_S or self._keys is None:
                data = await self._get(document.jwks_uri)
                try:
                    self._keys = KeySet.import_key_set(msgspec.json.decode(data))
                except (JoseError, msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
                    raise ProviderError("the provider's keys are not valid") from error
                self._keys_at = now
            return self._keys

    async def _get(self, url: str) -> bytes:
        try:
            answer = await self._client.get(url, headers={"accept": "application/json"})
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            raise ProviderError(f"the provider cannot be reached: {type(error).__name__}") from None
        return answer.content


def read_tokens(answer: dict[str, Any], refresh_token: str | None) -> ProviderTokens:
    """The tokens in the provider's answer, with the old `refresh_token` if it has no new one. Raises `ProviderError`."""
    access, refresh, expires = answer.get("access_token"), answer.get("refresh_token"), answer.get("expires_at")
    if not isinstance(access, str) or not access:
        raise ProviderError("the provider gave no access token")
    return ProviderTokens(
        access,
        refresh if isinstance(refresh, str) and refresh else refresh_token,
        float(expires) if isinstance(expires, int | float) else None,
    )
