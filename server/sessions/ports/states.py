"""Sleeping states: the states of sessions that sleep, loaded from the journal for their followers. Nothing is woken for that."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from weakref import WeakValueDictionary

from agent.session.state import SessionState
from server.journal.base import Journal
from server.sessions.replay import bring_up_to, load_state

KEPT_CHARS_MAX = 16_777_216
"""What the states that are kept have together, about: the text of two sessions of the largest kind, or of thousands of usual ones."""

MESSAGE_CHARS = 1_024
"""What a message counts besides its text."""

LOADS_MAX = 8
"""States that are loaded at once, one for each user: some milliseconds of work each, and as much memory as the session takes."""


def size(state: SessionState) -> int:
    """What this state counts of `KEPT_CHARS_MAX`."""
    kept = sum(map(len, state.provider_states.values()))
    return state.history_chars + MESSAGE_CHARS * (1 + len(state.view.messages)) + kept


class SleepingStates:
    """Loads states and keeps those used last, `chars_max` in all. One that is asked for again is only brought up to date.

    `default_model`: the model of a session that chose none.
    """

    def __init__(self, journal: Journal, default_model: Callable[[], str], chars_max: int = KEPT_CHARS_MAX) -> None:
        self._journal = journal
        self.default_model = default_model
        self._chars_max = chars_max
        self._kept: OrderedDict[str, tuple[SessionState, int]] = OrderedDict()
        self._chars = 0
        self._places = asyncio.Semaphore(LOADS_MAX)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    async def load(self, session_id: str, user_id: str, head: int) -> SessionState:
        """The session's state at `head`, or at a later event. It is the caller's until the next await. Raises `JournalError`."""
        state, _ = self._kept.get(session_id, (None, 0))
        if state is not None and state.view.seq >= head:
            self._kept.move_to_end(session_id)
            return state
        turn = self._turns.setdefault(user_id, asyncio.Lock())
        async with turn, self._places:
            state = await self._load(session_id, head, self._take(session_id))  # another may have loaded it meanwhile
            self._keep(session_id, state)
            return state

    def forget(self, session_id: str) -> None:
        """Keep this session's state no longer: it is awake, or was deleted."""
        self._take(session_id)

    def clear(self) -> None:
        """Keep no state."""
        for session_id in list(self._kept):
            self._take(session_id)

    async def _load(self, session_id: str, head: int, state: SessionState | None) -> SessionState:
        model = self.default_model()
        if state is None:
            return await load_state(self._journal, session_id, head, model)
        await bring_up_to(self._journal, session_id, state, head, model)
        return state

    def _take(self, session_id: str) -> SessionState | None:
        state, chars = self._kept.pop(session_id, (None, 0))
        self._chars -= chars
        return state

    def _keep(self, session_id: str, state: SessionState) -> None:
        self._take(session_id)
        chars = size(state)
        self._kept[session_id] = (state, chars)
        self._chars += chars
        while self._chars > self._chars_max:
            self._take(next(iter(self._kept)))
