"""Player for ACP: prompts an agent, kills and starts it again, loads its session, and writes the trace."""

import asyncio
import contextlib
import shlex
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clients.prove import steps as st
from clients.prove.acp.agent import Agent, Gone
from clients.prove.acp.transcript import Transcript
from clients.prove.attendee import Changes, Refusal
from clients.prove.ground import NotPromised, Target
from clients.prove.model import MODEL, ScriptedModel
from clients.prove.player import AFTERWARDS_S
from clients.prove.trace import WITNESS, Closed, Done, Entry, Opened, Received, Sent, Waited
from clients.session.tasks import Start, owned_tasks
from protocol import codec
from protocol import events as ev
from protocol.frames import Frame, Ready, Synced
from protocol.limits import Limits
from protocol.submissions import UserInput

QUIET_S = 1.0
"""Without an update for so long, a session that was loaded counts as whole."""

CLIENT = {"name": "holdfast-prove", "version": "1"}


async def play(target: Target, steps: Sequence[st.Step]) -> list[Entry]:
    """The trace of these steps with an agent whose command is the target's URL. Raises `Refusal`, `NotPromised`."""
    trace: list[Entry] = []
    model = ScriptedModel()
    lacks = ""
    with tempfile.TemporaryDirectory(prefix="holdfast-prove-") as folder:
        async with model.running(), owned_tasks() as start:
            player = _Player(target, Path(folder), model.api_base, trace, start)
            try:
                for step in steps:
                    if isinstance(step, st.Kill | st.Restart) and not player.loads:
                        lacks = "it cannot load sessions (`loadSession`)"
                        break
                    if not player.stuck:
                        await player.take(step)
                else:
                    await player.end()
            finally:
                await player.leave()
    if lacks:
        raise NotPromised(lacks)
    return trace


class _Player:
    def __init__(self, target: Target, folder: Path, api_base: str, trace: list[Entry], start: Start) -> None:
        self._target = target
        self._folder = folder
        openai = {"OPENAI_BASE_URL": api_base, "OPENAI_API_KEY": "none", "OPENAI_MODEL": MODEL}
        self._environ = {**openai, "HOLDFAST_API_BASE": api_base, "HOSTED_VLLM_API_KEY": "none", "HOME": str(folder)}
        self._trace = trace
        self._start = start
        self._changes = Changes()
        self._agent: Agent | None = None
        self._session = ""
        self._prompts: dict[str, str] = {}
        self._cut: set[str] = set()
        self._client = ""
        self._transcript = Transcript(self._prompts, self._cut)
        self._asked = ""
        self._updates = 0
        self._shown: list[ev.Event] = []
        self.loads = True
        self.stuck = False

    async def take(self, step: st.Step) -> None:
        """Take one step. Before the agent is there, others are left out: a shortened case has such steps."""
        if self._agent is None and not isinstance(step, st.Open):
            return
        match step:
            case st.Open():
                await self._open(step.client)
            case st.Say():
                self._prompts[step.text] = step.id
                self._start(self._prompt(step), "prove prompt")
                await asyncio.sleep(0)
            case st.Until(what="rest"):
                await self._wait(lambda: not self._asked, "the answer to the prompt")
            case st.Until(events=events):
                goal = self._updates + events
                await self._wait(lambda: self._updates >= goal or not self._asked, "an update")
            case st.Interrupt():
                self._the_agent().tell("session/cancel", {"sessionId": self._session})
            case st.Raw():
                self._the_agent().send_line(step.data)
            case st.Kill():
                await self._again(signal.SIGKILL, "the agent was killed")
            case st.Restart():
                await self._again(None, "the agent's input was closed")
            case _:
                raise NotImplementedError(step)

    async def end(self) -> None:
        """Start the agent anew, and have a witness load the session. If it cannot, what the client has is all there is."""
        await self._wait(lambda: not self._asked, "the answer to the prompt")
        if self._agent is None:
            return
        await self._stop(None)
        if self.loads:
            await self._open(WITNESS)
            return
        shown, self._client = self._shown, WITNESS
        self._trace.append(Opened(WITNESS, 0))
        for frame in (opening(), *shown, Synced(seq=len(shown))):
            self._receive(frame)

    async def leave(self) -> None:
        """End the agent."""
        if self._agent is not None:
            await self._agent.end(signal.SIGTERM)

    def _the_agent(self) -> Agent:
        assert self._agent is not None, "the first step of a case opens it"
        return self._agent

    async def _again(self, number: signal.Signals | None, what: str) -> None:
        client = self._client
        await self._stop(number)
        self._trace.append(Done(what))
        await self._open(client)

    async def _stop(self, number: signal.Signals | None) -> None:
        if self._asked:
            self._cut.add(self._asked)
            self._events(self._transcript.cut())
        await self._the_agent().end(number)
        self._the_agent().updates = lambda update: None
        self._trace.append(Closed(self._client))
        self._asked = ""

    async def _open(self, client: str) -> None:
        self._client = client
        agent = self._agent = Agent(shlex.split(self._target.url), self._environ, self._folder / "agent.log")
        agent.updates, agent.odd = self._update, lambda line: self._trace.append(Received(self._client, line))
        await agent.start(self._start)
        self._transcript = Transcript(self._prompts, self._cut)
        self._trace.append(Opened(client, 0))
        self._receive(opening())
        try:
            async with asyncio.timeout(self._target.patience_s):
                can = await self._result(
                    "initialize", {"protocolVersion": 1, "clientInfo": CLIENT, "clientCapabilities": {}}
                )
                self.loads = bool(can.get("agentCapabilities", {}).get("loadSession"))
                place: dict[str, Any] = {"cwd": str(self._folder), "mcpServers": []}
                if self._session:
                    await self._result("session/load", {**place, "sessionId": self._session})
                    await self._quiet()
                    self._events(self._transcript.end())
                else:
                    self._session = (await self._result("session/new", place))["sessionId"]
        except TimeoutError:
            self._gave_up("the session to be there", self._target.patience_s)
            return
        self._receive(Synced(seq=self._transcript.seq))

    async def _quiet(self) -> None:
        """Until nothing more comes: where a server does the work, a turn goes on though its agent was killed."""
        before = -1
        while before != self._updates:
            before = self._updates
            await asyncio.sleep(QUIET_S)

    async def _result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._the_agent().ask(method, params)
        except Gone as gone:
            end = (self._folder / "agent.log").read_text(errors="replace").strip()[-300:]
            raise Refusal(f"{method}: {gone}: {end}") from gone
        if "error" in answer:
            raise Refusal(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer.get("result") or {}
        return result

    async def _prompt(self, step: st.Say) -> None:
        self._asked = step.id
        self._transcript.prompted(step.text)
        self._trace.append(Sent(self._client, UserInput(id=step.id, text=step.text)))
        prompt = [{"type": "text", "text": step.text}]
        with contextlib.suppress(Gone):
            await self._the_agent().ask("session/prompt", {"sessionId": self._session, "prompt": prompt})
            self._events(self._transcript.answered())
            self._asked = ""
            self._changes.notify()

    def _update(self, update: Any) -> None:
        self._updates += 1
        self._events(self._transcript.update(update))
        self._changes.notify()

    async def _wait(self, holds: Any, what: str) -> None:
        patience_s = min(self._target.patience_s, AFTERWARDS_S) if self.stuck else self._target.patience_s
        try:
            async with asyncio.timeout(patience_s):
                while not holds():
                    await self._changes.wait()
        except TimeoutError:
            self._gave_up(what, patience_s)

    def _gave_up(self, what: str, seconds: float) -> None:
        self.stuck = True
        self._trace.append(Waited(self._client, what, seconds))

    def _events(self, events: Sequence[ev.Event]) -> None:
        self._shown += events
        for event in events:
            self._receive(event)

    def _receive(self, frame: Frame) -> None:
        self._trace.append(Received(self._client, codec.encode(frame).decode()))


def opening() -> Frame:
    """What a server would say that has everything from the beginning."""
    return Ready(
        session_id="session",
        epoch="acp",
        seq=0,
        recovered=True,
        state="idle",
        model="agent",
        demo=False,
        limits=Limits(),
        server="an ACP agent",
    )
