"""Loading a session: the fold of its events, from the stored snapshot if there is a good one, and the rest of the journal."""

import logging

import msgspec

from agent.session import state as states
from agent.session.state import SessionState
from protocol.codec import decode_event
from server.journal.base import Journal
from server.sessions.replay import replay

log = logging.getLogger("holdfast.loading")

READ_BYTES = 1_048_576
"""How much of the journal is read at once."""


async def load_state(journal: Journal, session_id: str, head: int, default_model: str) -> SessionState:
    """The state after the event `head`. A session that never chose a model has the server's."""
    state = SessionState()
    stored = await journal.snapshot(session_id)
    if stored is not None and stored[0] <= head:
        try:
            state = states.load(stored[1])
        except msgspec.MsgspecError:
            log.info("session %s: its snapshot is of another version; folding the whole journal", session_id)
    async for batch in replay(journal, session_id, state.view.seq, head, READ_BYTES):
        for record in batch:
            states.apply(state, decode_event(record.data))
    if not state.model_chosen:
        state.view.model = default_model
    return state
