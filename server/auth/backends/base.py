"""Authentication backend: the interface that each mode of authentication implements."""

from typing import Protocol

from server.auth.logins import Login
from server.auth.principal import Principal
from server.util.refusal import HTTPRefusal

LOGIN_WAIT_S = 600
"""How long a person may take to log in at the provider: time to find a second factor."""


class ProviderError(Exception):
    """The login provider did not answer, or its answer is not valid. The message says why, without a credential."""


class LoginRefused(Exception):
    """The login provider refused a login or a refresh token."""


class UserNotAllowed(Exception):
    """The user who logged in is not one of `auth.allowed_users`."""


class AuthBackend(Protocol):
    """One mode of authentication. Times are in seconds since 1970."""

    async def open(self) -> None:
        """Read what the backend needs. Raises `PrivateFileError`, `SettingsError`."""

    async def aclose(self) -> None:
        """Close connections and end tasks."""

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """Who has this token, as far as the server itself knows; None if it does not."""

    async def use_code(self, code: str, now: float) -> Principal | None:
        """Who may log in with this login code, which is then used; None if it is not good, or there are no such codes.

        Raises `JournalError`.
        """

    async def authenticate_remote(self, token: str, now: float) -> Principal | HTTPRefusal | None:
        """Who has this token, by asking another service; None if the token is not valid."""

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """Who has this credential now; None if it expired or was revoked."""

    async def revalidate_login(self, login: Login, now: float) -> Principal | None:
        """Who has this login now; None if the credential that it came from expired or was revoked."""

    def seal_credential(self, principal: Principal, token: str) -> bytes:
        """What a login must keep of the token that it is made from, encrypted; empty if nothing."""

    async def hub_token(self, user_id: str, now: float) -> str | None:
        """The Hugging Face token of this user, for their tools; None if none is known."""

    async def reread(self) -> bool:
        """Look again at the credentials in a database; whether one has changed. Raises `JournalError`."""


class BaseAuthBackend:
    """A backend that knows no token, asks no other service and keeps nothing. The others override what they need."""

    async def open(self) -> None:
        """Do nothing."""

    async def aclose(self) -> None:
        """Do nothing."""

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """None: no token is known."""
        return None

    async def use_code(self, code: str, now: float) -> Principal | None:
        """None: there are no login codes."""
        return None

    async def authenticate_remote(self, token: str, now: float) -> Principal | HTTPRefusal | None:
        """None: no other service is asked."""
        return None

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """None: no credential is known."""
        return None

    async def revalidate_login(self, login: Login, now: float) -> Principal | None:
        """Who has the credential that the login came from."""
        return await self.revalidate(login.credential, now)

    def seal_credential(self, principal: Principal, token: str) -> bytes:
        """Empty: nothing must be kept."""
        return b""

    async def hub_token(self, user_id: str, now: float) -> str | None:
        """None: no such token is known."""
        return None

    async def reread(self) -> bool:
        """False: no credential is in a database."""
        return False
