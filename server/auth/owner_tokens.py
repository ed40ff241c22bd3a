"""Owner tokens: where the Hugging Face token of a session's owner comes from."""

from collections.abc import Awaitable, Callable

from server.util.lru_map import LruMap


class OwnerTokens:
    """The Hugging Face tokens of users. Sessions, the sandbox collector and the dataset export all ask here.

    `of_login`: the token of a user's login, or None. Beside it, a token may be given for a user, as by
    `SessionManager.create_session`; it is used first. `given_max`: of how many users given tokens are kept, in memory
    only; then the one given longest ago is forgotten.
    """

    def __init__(self, of_login: Callable[[str], Awaitable[str | None]], given_max: int) -> None:
        self._of_login = of_login
        self._given: LruMap[str, str] = LruMap(given_max)

    def give(self, user_id: str, token: str) -> None:
        """Use this token for the user from now on."""
        self._given[user_id] = token

    async def get(self, user_id: str) -> str | None:
        """The user's token, or None if none is known."""
        return self._given.get(user_id) or await self._of_login(user_id)
