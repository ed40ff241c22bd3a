"""Call asker: carries the questions of one running call to its session, and the answers back."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence

from agent.models import DeltaKind, ModelReply, ModelRequest, Sink
from agent.session.messages import AnswerCall, Input, QuestionWithdrawn, ToolAsked, ToolSpent
from agent.tools.base import QuestionKind, UserAnswer
from protocol.content import Question, QuestionField

QUESTION_ID_BYTES = 12


class OpenQuestions:
    """The questions of one session that wait for an answer, by their ids."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[UserAnswer]] = {}

    def open(self) -> tuple[str, "asyncio.Future[UserAnswer]"]:
        """A new id, and the future of the answer."""
        question_id = secrets.token_hex(QUESTION_ID_BYTES)
        future = self._waiting[question_id] = asyncio.get_running_loop().create_future()
        return question_id, future

    def close(self, question_id: str) -> None:
        """Nobody waits any more."""
        self._waiting.pop(question_id, None)

    def answer(self, answer: AnswerCall) -> None:
        """Give an answer to who waits for it, if anybody does."""
        future = self._waiting.pop(answer.question_id, None)
        if future is not None and not future.done():
            future.set_result(UserAnswer(answer.action, answer.content))


class WorkerCallAsker:
    """The asker of one call. `call_model`: calls the model; `report`: sends an input to the session."""

    def __init__(
        self,
        call_id: str,
        model: str,
        questions: OpenQuestions,
        call_model: Callable[[ModelRequest, Sink], Awaitable[ModelReply]],
        report: Callable[[Input], None],
    ) -> None:
        self._call_id = call_id
        self._model = model
        self._questions = questions
        self._call_model = call_model
        self._report = report

    async def ask_user(
        self, asker: str, kind: QuestionKind, message: str, fields: Sequence[QuestionField] = (), url: str = ""
    ) -> UserAnswer:
        """As `CallAsker`."""
        question_id, answer = self._questions.open()
        question = Question(question_id, self._call_id, asker, kind, message, list(fields))
        if url:
            question = Question(question_id, self._call_id, asker, kind, message, list(fields), url)
        self._report(ToolAsked(question))
        try:
            return await answer
        finally:
            self._questions.close(question_id)
            if answer.cancelled() or not answer.done():
                self._report(QuestionWithdrawn(question_id))

    async def ask_model(self, messages: list[dict[str, object]], max_output_tokens: int) -> tuple[str, str, str]:
        """As `CallAsker`. What the model call took is counted for this call."""
        parts: list[str] = []

        async def sink(kind: DeltaKind, text: str) -> None:
            if kind == "text":
                parts.append(text)

        reply = await self._call_model(ModelRequest(self._model, messages, [], max_output_tokens), sink)
        if reply.usage is not None:
            self._report(ToolSpent(self._call_id, reply.usage))
        return "".join(parts), reply.finish_reason, self._model
