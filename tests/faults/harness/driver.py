"""Driver: holds a conversation with a server that is killed: two clients follow, one talks, and all reconnect after each kill."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from protocol import events as ev
from protocol.content import PendingTool
from protocol.frames import Refused
from protocol.submissions import Approval, ExecApproval, Interrupt, Submission, UserInput, submission_id
from server.config.model import ModelChoice
from server.config.settings import Settings
from tests.faults.harness.conversation import MODELS, Moment, Step, at_a_standstill, with_id
from tests.faults.harness.follower import Cut, Follower, Record
from tests.faults.harness.script import LockStep, Script
from tests.faults.harness.workbench import Workbench
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.constants import constants
from tests.support.models.scripted_model import ScriptedModel

KILLED = -9
LAST = "is anybody there?"
OFTEN = constants({"server.sessions.recorder.SNAPSHOT_EVERY_EVENTS": 20, "agent.session.session.OVERHEAD_TOKENS": 0})
"""Snapshots are taken now and then, and a short conversation has something to compact."""


def settings_in(folder: Path, model: ScriptedModel) -> Settings:
    """Settings under which a short conversation has something to compact."""
    settings = settings_for(folder / "data", model, turn={"keep_fraction": 0.01})
    calls = msgspec.structs.replace(settings.model.calls, default_context_limit=20_000)
    return msgspec.structs.replace(
        settings,
        model=ModelChoice(model=MODELS[0], models=list(MODELS), calls=calls),
    )


class Driver:
    """One conversation over as many servers as it takes. `deaths` counts them; `record` has all that its clients sent and received; `talker` commits each event, `other` at `synced`."""

    def __init__(self, server: ServerProcess, bench: Workbench, script: Script, model: ScriptedModel) -> None:
        self.server = server
        self.bench = bench
        self.script = script
        self.model = model
        self.record = Record()
        self.talker = Follower("talker", self.record)
        self.other = Follower("other", self.record, commits="synced", encoding="msgpack")
        self.deaths = 0
        self.refused: Counter[str] = Counter()
        self.passed_over: list[str] = []
        self.proxy_port = 0
        """Where the talker connects to instead of the server, if not 0."""
        self._unanswered: Submission | None = None

    @property
    def moment(self) -> Moment:
        """How it stands, as the talker sees it."""
        self.script.follow(self.talker.view)
        return Moment(self.talker.view, self.bench)

    async def converse(
        self,
        steps: Sequence[Step],
        restart: Callable[[], Awaitable[None]],
        verify: Callable[["Driver"], Awaitable[None]],
    ) -> None:
        """All steps, then one more turn, then `verify`. After each death `restart` starts the server again."""
        todo = [*steps]
        while True:
            try:
                await self.all_come()
                await self._again()
                while todo:
                    await self.its_moment(todo[0])
                    await self.take(todo.pop(0))
                await self.finish()
                await self.other.until(lambda: self.other.view.seq >= self.talker.view.seq)
                await verify(self)
                return
            except Cut:
                code = await self.server.ended()
                assert code == KILLED, f"the socket was cut, and the server ended with {code}"
                self.deaths += 1
                await self.leave()
                await restart()

    async def leave(self) -> None:
        """Both clients close their sockets, if they have any."""
        await self.talker.go()
        await self.other.go()

    async def all_come(self) -> None:
        """The talker comes, then the other."""
        await self.talker_comes()
        self.other.session_id = self.talker.session_id
        await self.other.come(self.server.ws)

    async def talker_comes(self) -> None:
        """The talker connects, with the position it has."""
        at = f"ws://127.0.0.1:{self.proxy_port}/ws" if self.proxy_port else self.server.ws
        await self.talker.come(at)

    async def finish(self) -> None:
        """Answer what still asks, then see that the session takes one more input and gives it its turn."""
        while True:
            await self.talker.until(lambda: at_a_standstill(self.moment))
            if self.talker.view.pending_approval:
                pending = self.talker.view.pending_approval
                await self.ask(ExecApproval(id=f"id-answer-{pending[0].tool_call_id}", approvals=_approve(pending)))
            elif "id-last" not in self.talker.answers:
                await self.ask(UserInput(id="id-last", text=LAST))
            else:
                assert isinstance(self.talker.answers["id-last"], ev.Accepted)
                return

    async def its_moment(self, step: Step) -> None:
        """Until the step's moment has come, or cannot come any more."""
        await self.talker.until(lambda: step.when(self.moment) or at_a_standstill(self.moment))

    async def take(self, step: Step) -> None:
        """Do it, or pass over it."""
        moment = self.moment
        if not step.when(moment):
            self.passed_over.append(step.name)
        elif step.act is not None:
            step.act(moment)
        elif step.make is not None:
            await self.ask(with_id(step.make(moment), f"id-{step.name}"))

    async def _again(self) -> None:
        """What had no answer when the server died is said again, under its id, though the replay may have had the answer."""
        if self._unanswered is not None:
            await self.ask(self._unanswered)

    async def ask(self, submission: Submission) -> None:
        """Say it, and wait for its answer."""
        talker, mine = self.talker, submission_id(submission)
        self._unanswered = submission
        known, repeated = mine in talker.answers, len(talker.repeated)

        def answered() -> bool:
            # The model does not go on meanwhile where it is to be interrupted: it could be done before that arrives.
            if not isinstance(submission, Interrupt):
                self.script.follow(talker.view)
            return len(talker.repeated) > repeated if known else mine in talker.answers

        await talker.send(submission)
        await talker.until(answered)
        assert not known or talker.repeated[-1] == talker.answers[mine], "another answer than the first"
        answer = talker.answers[mine]
        if isinstance(answer, Refused):
            self.refused[answer.code] += 1
        self._unanswered = None


def _approve(pending: Sequence[PendingTool]) -> list[Approval]:
    return [Approval(call.tool_call_id, True) for call in pending]


@contextlib.asynccontextmanager
async def driving(zygote: Zygote, folder: Path, script: Script | None = None) -> AsyncIterator[Driver]:
    """A driver with a server that has not been started. Without a script the model goes in step with the talker."""
    folder.mkdir(parents=True, exist_ok=True)
    script = LockStep() if script is None else script
    async with ScriptedModel(script) as model:
        async with Workbench(folder) as bench:
            server = ServerProcess(zygote, folder, settings_in(folder, model), hooks=[bench.hook, OFTEN])
            async with server:
                driver = Driver(server, bench, script, model)
                bench.changed = driver.talker.changed.set
                try:
                    yield driver
                finally:
                    await driver.leave()
