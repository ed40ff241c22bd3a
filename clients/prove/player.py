"""Player: takes the steps of a case on a server, and gives the trace of it."""

import asyncio
from collections.abc import Callable, Sequence

from clients.prove import steps as st
from clients.prove.attendee import Attendee, Changes
from clients.prove.ground import Ground, Target
from clients.prove.links import Links
from clients.prove.trace import NEWCOMER, WITNESS, Entry, Opened, Waited
from clients.session.address import base_address
from clients.session.tasks import Start, owned_tasks
from protocol.content import PendingTool
from protocol.submissions import Approval, ExecApproval, Interrupt, Submission, UserInput
from protocol.view import View

AFTERWARDS_S = 2.0
"""The same, once something got stuck: what is left of the case is then only read."""


async def play(target: Target, steps: Sequence[st.Step]) -> list[Entry]:
    """The trace of these steps, with a witness and a newcomer at its end. Raises `Refusal` if the server lets nobody in."""
    trace: list[Entry] = []
    links = Links(target.url)
    async with links.running(), owned_tasks() as start:
        player = _Player(target, links, trace, start)
        try:
            for step in steps:
                if not player.stuck:
                    await player.take(step)
            await player.end()
        finally:
            await player.leave()
    if player.refusal is not None and not any(isinstance(entry, Opened) for entry in trace):
        raise player.refusal
    return trace


class _Player:
    def __init__(self, target: Target, links: Links, trace: list[Entry], start: Start) -> None:
        self._target = target
        self._links = links
        self._ground = Ground(target, links, trace)
        self._trace = trace
        self._start = start
        self._attendees: dict[str, Attendee] = {}
        self._session_id = ""
        self._direct = base_address(target.url)
        self._changes = Changes()
        self.stuck = False
        self._pending: dict[str, list[PendingTool]] = {}

    @property
    def refusal(self) -> Exception | None:
        """Why the server let somebody not in, for good."""
        return next((one.refusal for one in self._attendees.values() if one.refusal is not None), None)

    async def take(self, step: st.Step) -> None:
        """Take one step. One of a client that is not there is left out: a shortened case has such steps."""
        client = getattr(step, "client", None)
        if client not in (None, *self._attendees) and not isinstance(step, st.Open):
            return
        match step:
            case st.Open():
                await self._open(step)
            case st.Leave():
                await self._attendees.pop(step.client).leave()
            case st.Say() | st.Answer() | st.Interrupt():
                await self._submit(step)
            case st.Raw():
                await self._attendees[step.client].send_raw(bytes.fromhex(step.data) if step.hex else step.data)
            case st.Until():
                await self._until(step)
            case st.Stall():
                await self._stall(step)
            case st.Kill(piece=piece) | st.Restart(piece=piece) | st.Pause(piece=piece) | st.Cut(piece=piece) if piece:
                if await self._catch(piece):
                    await self._ground.take(step)
                else:
                    self._links.catch(0, lambda: None)
                    self._ground.done(f"fewer than {piece} pieces were sent")
            case _:
                await self._ground.take(step)

    async def end(self) -> None:
        """Let everything pass, wait until all clients rest, then have a witness and a newcomer read the session."""
        self._links.free()
        attendees = list(self._attendees.values())
        for one in attendees:
            one.stalled.set()
            await self._wait(one, lambda it: it.rests, "the session to come to rest")
        head = max((one.view.seq for one in attendees if one.live), default=0)
        for one in attendees:
            await self._wait(one, lambda it: it.view.seq >= head and it.live, f"event {head}")
        for name, position in ((WITNESS, ("", 0)), (NEWCOMER, None)):
            one = self._attendee(name, stays=True)
            one.position = position
            self._start(one.run(), f"prove {name}")
            await self._wait(one, lambda it: it.live and it.view.seq >= head, f"event {head}")

    async def leave(self) -> None:
        """Have all clients go."""
        for one in self._attendees.values():
            await one.leave()

    def _attendee(self, name: str, *, stays: bool, msgpack: bool = False) -> Attendee:
        through = base_address(f"http://127.0.0.1:{self._links.port}")
        if self._direct.startswith("wss"):
            through = self._direct  # a certificate is not for the proxy's address
        address = self._direct if stays else through
        one = self._attendees[name] = Attendee(name, address, self._target.token, self._trace, self._changes)
        one.session_id, one.offers_msgpack = self._session_id, msgpack
        return one

    async def _open(self, step: st.Open) -> None:
        one = self._attendee(step.client, stays=step.stays, msgpack=step.msgpack)
        if step.at == "start" and self._session_id:
            one.position = ("", 0)
        elif step.at == "position" and step.like in self._attendees:
            like = self._attendees[step.like]
            one.like = step.like
            epoch, seq = like.position or ("", 0)
            one.position = (epoch, int(step.position * seq)) if seq else ("", 0)
            one.view.seq = one.position[1]
        self._start(one.run(), f"prove {step.client}")
        if not self._session_id:
            await self._wait(one, lambda it: bool(it.session_id), "`ready`")
            self._session_id = one.session_id

    async def _submit(self, step: st.Say | st.Answer | st.Interrupt) -> None:
        one = self._attendees[step.client]
        submission: Submission
        if isinstance(step, st.Say):
            submission = UserInput(id=step.id, text=step.text)
        elif isinstance(step, st.Interrupt):
            submission = Interrupt(id=step.id)
        else:
            waiting = one.view.pending_approval or self._pending.get(step.id, [])
            if not waiting:
                return
            self._pending[step.id] = list(waiting)
            submission = ExecApproval(
                id=step.id, approvals=[Approval(call.tool_call_id, step.approved) for call in waiting]
            )
        await one.submit(submission)

    async def _until(self, step: st.Until) -> None:
        one = self._attendees[step.client]
        seq = one.view.seq
        sees: dict[st.What, Callable[[View], bool]] = {
            "rest": lambda view: False,
            "approval": lambda view: bool(view.pending_approval),
            "text": lambda view: view.open_message is not None,
            "events": lambda view: view.seq >= seq + step.events,
        }
        seen = sees[step.what]
        await self._wait(one, lambda it: seen(it.view) or self._rests(it), "the session to come to rest")

    def _rests(self, one: Attendee) -> bool:
        """Whether nothing more will come to this client by itself."""
        attendees = self._attendees.values()
        return one.rests and not any(it.unanswered or it.view.seq > one.view.seq for it in attendees)

    async def _wait(self, one: Attendee, holds: Callable[[Attendee], bool], what: str) -> None:
        patience_s = min(self._target.patience_s, AFTERWARDS_S) if self.stuck else self._target.patience_s
        if not await one.until(holds, patience_s) and one.refusal is None:
            self.stuck = True
            self._trace.append(Waited(one.name, what, patience_s))

    async def _stall(self, step: st.Stall) -> None:
        one = self._attendees[step.client]
        one.stalled.clear()
        self._ground.done(f"{step.client} stopped reading for {step.seconds:g} s")
        await asyncio.sleep(step.seconds)
        one.stalled.set()

    async def _catch(self, piece: int) -> bool:
        """Wait until the server sends this piece of data, or nothing more comes; whether it was sent."""
        caught = False

        def catch() -> None:
            nonlocal caught
            caught = True
            self._changes.notify()

        self._links.catch(piece, catch)
        one = next(iter(self._attendees.values()))
        await self._wait(one, lambda it: caught or self._rests(it), "the session to come to rest")
        return caught
