"""The body's door: what a way in is. Each mode has one; `authenticator.py` puts what they share around it."""

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
    """One way in. Times are in seconds since 1970."""

    async def open(self) -> None:
        """Make ready. Raises `PrivateFileError`, `SettingsError`."""

    async def aclose(self) -> None:
        """Let go of what is open."""

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """Who presents this token, if that is known without asking anybody."""

    async def authenticate_remote(self, token: str, now: float) -> Principal | HTTPRefusal | None:
        """Who presents this token, where somebody else must be asked; None: nobody that is known."""

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """Who this credential lets in now; None if it ran out."""

    async def revalidate_login(self, login: Login, now: float) -> Principal | None:
        """Who this browser's login lets in now; None if what it came from ran out."""

    def seal_credential(self, principal: Principal, token: str) -> bytes:
        """What a login made from this token must keep of it, sealed."""

    async def hub_token(self, user_id: str, now: float) -> str | None:
        """The Hugging Face token of this user, for their tools; None where there is none."""


class BaseAuthBackend:
    """What a way is that asks nobody and keeps nothing."""

    async def open(self) -> None:
        """Nothing to make ready."""

    async def aclose(self) -> None:
        """Nothing is open."""

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """Nobody."""
        return None

    async def authenticate_remote(self, token: str, now: float) -> Principal | HTTPRefusal | None:
        """Nobody else is asked."""
        return None

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """Nobody."""
        return None

    async def revalidate_login(self, login: Login, now: float) -> Principal | None:
        """As what it came from."""
        return await self.revalidate(login.credential, now)

    def seal_credential(self, principal: Principal, token: str) -> bytes:
        """Nothing."""
        return b""

    async def hub_token(self, user_id: str, now: float) -> str | None:
        """None is known."""
        return None
