"""Forker: makes forks. Events are copied with their positions; the files are those of now, not those of the position."""

import logging
import secrets
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from agent.session import state as states
from agent.session.messages import SubmissionRefusal
from agent.session.state import SessionState
from agent.util.executors import WorkExecutor
from agent.util.places import Holder
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.tree_copy import Copied
from protocol.submissions import Unshare
from server.journal.base import AppendItem, Lease, SessionRow
from server.sessions.manager import SESSION_ID_BYTES, SessionManager
from server.sessions.replay import load_state
from server.sessions.rows import ForkedFrom, Options, dump_options, load_options
from server.sessions.storage import StorageAccount
from server.sessions.workspaces import copy_workspace, workspace_size
from server.util.clock import utc_now
from server.util.refusal import HTTPRefusal, RequestRefused

log = logging.getLogger("holdfast.forks")

COPY_BYTES: Final = 1_048_576
"""Bytes of events that one append stores."""


class Forker:
    """Makes forks. `folder`: where the sessions' files are; `walks`: threads in which they are copied."""

    def __init__(
        self,
        manager: SessionManager,
        storage: StorageAccount,
        folder: Path,
        limits: WorkspaceLimits,
        walks: WorkExecutor,
    ) -> None:
        self._manager = manager
        self._journal = manager.journal
        self._storage = storage
        self._folder = folder
        self._limits = limits
        self._walks = walks

    async def fork(self, origin: SessionRow, seq: int | None, *, branch: bool) -> str:
        """Make a fork of this session at the position `seq`, at which it was at rest; the fork's id. None: at its newest event.

        What fails leaves nothing behind. Raises `RequestRefused`, `StorageFull`, `JournalError`, `PlacesTaken`, `OSError`.
        """
        registry = self._manager.registry
        head = (await self._journal.stat(origin.session_id)).head
        seq = head if seq is None else seq
        until = min(seq, head)
        state = await load_state(self._journal, origin.session_id, until, registry.services.default_model())
        if state.view.seq != seq or state.view.state not in ("idle", "closed") or state.view.queued:
            message = f"the session was not at rest at {seq}: fork it at the end of a turn"
            raise RequestRefused(HTTPRefusal("not_at_rest", message))
        registry.services.quotas.check_disk()
        registry.ownership.check()
        row = _row(origin, state, branch=branch)
        lease = await self._journal.create(row, registry.services.quotas.limits.storage())
        try:
            with ExitStack() as room:
                await self._copy_files(origin, row, room)
                await self._copy_events(origin.session_id, lease, row, state, room)
            await self._journal.release(lease)
            await self._storage.measure(row)
            for share in state.view.shares:
                answer = await self._manager.submit(row.session_id, Unshare(share_id=share.share_id))
                if isinstance(answer, SubmissionRefusal):
                    raise RequestRefused(HTTPRefusal("unavailable", answer.message))
        except BaseException:
            await self._manager.delete_session(row.session_id)
            raise
        log.info("session %s: forked from %s at %d", row.session_id, origin.session_id, seq)
        return row.session_id

    async def _copy_files(self, origin: SessionRow, row: SessionRow, room: ExitStack) -> None:
        """Copy the workspace. A project folder is the user's: origin and fork work in it both."""
        if load_options(origin.options).cwd:
            return
        holder = Holder(row.user_id, row.session_id)
        size = await self._walks.run(partial(workspace_size, self._folder, origin.session_id, self._limits), holder)
        room.enter_context(self._storage.reserve(row.user_id, size))
        copy = partial(copy_workspace, self._folder, origin.session_id, row.session_id)
        copied: Copied = await self._walks.run(copy, holder)
        if copied.left_out_count:
            log.warning(
                "session %s: %d files were not copied: %s", row.session_id, copied.left_out_count, copied.left_out
            )

    async def _copy_events(
        self, origin: str, lease: Lease, row: SessionRow, state: SessionState, room: ExitStack
    ) -> None:
        """Copy the events up to the state's position. The row says what they come to only when all are there."""
        head, seq = 0, state.view.seq
        while head < seq:
            records = tuple(await self._journal.read(origin, head, through=seq, max_bytes=COPY_BYTES))
            private = tuple(await self._journal.read_private(origin, head, records[-1].seq))
            size = sum(len(one.data) for one in records) + sum(len(one.data) for one in private)
            room.enter_context(self._storage.reserve(row.user_id, size))
            whole = records[-1].seq == seq
            last = msgspec.structs.replace(row, message_count=len(state.view.messages), title=state.view.title)
            await self._journal.append(AppendItem(lease, head, records, private=private, row=last if whole else None))
            head = records[-1].seq
        await self._journal.put_snapshot(lease, seq, states.dump(state))


def _row(origin: SessionRow, state: SessionState, *, branch: bool) -> SessionRow:
    """The fork's first row: without messages until all are copied, so that a copy that was cut short counts as empty."""
    now = utc_now()
    made = Options(
        model_chosen=state.model_chosen,
        cwd=load_options(origin.options).cwd,
        instructions=load_options(origin.options).instructions,
        forked_from=ForkedFrom(origin.session_id, state.view.seq, branch),
    )
    return SessionRow(
        session_id=secrets.token_hex(SESSION_ID_BYTES),
        user_id=origin.user_id,
        title="",
        model=state.view.model,
        created_at=now,
        last_active_at=now,
        message_count=0,
        state=state.view.state,
        pending_approval=b"[]",
        unfinished=False,
        options=dump_options(made),
    )
