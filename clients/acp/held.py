"""Held session: a session and its client, from the request that opened it until the editor or the server lets go of it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from clients.acp.mapping.session import SessionMapping
from clients.acp.mapping.types import Out
from clients.acp.rpc import INTERNAL_ERROR, Failure, Message
from clients.acp.server import Server
from clients.session.client import SessionClient
from clients.session.errors import CannotConnect, Denied, OutboxFull, SessionEnded, SubmissionRefused
from clients.session.outcomes import Connected, Rejected
from clients.session.tasks import Start, owned_tasks
from protocol.submissions import Submission, submission_id

Write = Callable[[Message], None]
Room = Callable[[], Awaitable[None]]


class HeldSession:
    """Gives the mapping what happens, and does what it says. `room` waits while the editor does not read."""

    def __init__(
        self, server: Server, client: SessionClient, mapping: SessionMapping, write: Write, room: Room
    ) -> None:
        self.mapping = mapping
        self.ended = False
        self.servers: Message = {}
        """The MCP servers that the editor gave the session: a server that was started anew is given them again."""
        self._server = server
        self._client = client
        self._write = write
        self._room = room
        self._leaving = asyncio.Event()
        self._start: Start | None = None

    def leave(self) -> None:
        """Let go of the session: nothing more is written for it."""
        self.ended = True
        self._leaving.set()

    async def run(self) -> None:
        """Until the session is let go, or cannot be had any more."""
        try:
            async with self._client, owned_tasks() as start:
                self._start = start
                start(self._follow(), "follow a session")
                await self._leaving.wait()
        except (Denied, CannotConnect) as error:
            self._fail(self._server.failure(error))
        except SessionEnded as ended:
            self._fail(Failure(INTERNAL_ERROR, f"the session ended: {ended.message}"))
        finally:
            self.ended = True

    def do(self, outs: list[Out]) -> None:
        """Write the messages and submit the submissions, in their order."""
        for out in outs:
            if isinstance(out, dict):
                self._write(out)
                continue
            images = self.mapping.uploads.pop(submission_id(out), None)
            if images:
                self._uploading(out, images)
            else:
                self._send(out)

    def _uploading(self, out: Submission, images: dict[str, bytes]) -> None:
        if self._start is None:
            self.do(self._reject(submission_id(out), "not_connected", "the session is not there yet; say it again"))
        else:
            self._start(self._upload(out, images), "upload images")

    async def _upload(self, out: Submission, images: dict[str, bytes]) -> None:
        """Put the images into the workspace, then submit the prompt. A cancel meanwhile is heeded when it is accepted."""
        try:
            for path, data in images.items():
                await self._server.put_file(self.mapping.session_id, path, data)
        except Failure as failure:
            self.do(self._reject(submission_id(out), "image_not_stored", failure.message))
        else:
            self._send(out)

    def _send(self, out: Submission) -> None:
        try:
            self._client.send(out)
        except SubmissionRefused as refused:
            self.do(self._reject(submission_id(out), refused.code, refused.message))
        except OutboxFull as full:
            self.do(self._reject(submission_id(out), "outbox_full", str(full)))
        except SessionEnded as ended:
            self.do(self._reject(submission_id(out), "session_ended", ended.message))

    def _reject(self, submission: str, code: str, message: str) -> list[Out]:
        return self.mapping.take(Rejected(submission, code, message, False))

    async def _follow(self) -> None:
        mapping, client = self.mapping, self._client
        async for item in client:
            if self.ended:
                return
            if isinstance(item, Connected) and item.again and self.servers:
                await self._give_again()
            mapping.view, core = client.view, client.core
            mapping.cwd, mapping.epoch, mapping.head = core.cwd or None, core.epoch, core.head
            self.do(mapping.take(item))
            if mapping.refused:
                break
            await self._room()
        self.leave()

    async def _give_again(self) -> None:
        try:
            await self._server.give(self.mapping.session_id, self.servers)
        except Failure as failure:
            sys.stderr.write(f"holdfast: the session has not got its MCP servers again: {failure.message}\n")

    def _fail(self, failure: Failure) -> None:
        if not self.ended:
            self.do(self.mapping.fail(failure))
