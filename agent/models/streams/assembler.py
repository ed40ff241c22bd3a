"""From the pieces of a stream to deltas for the sink and, at the end, one reply."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.models.errors import model_error
from agent.models.types import DeltaKind, Fragment, ModelReply, ModelUsage, Piece, RawToolCall, Sink, TokenCounts
from agent.util.text import Mender, mend

_FINISH = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
}


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Assembly:
    """One answer in the making. `started` is set by the first token: text, reasoning or a part of a tool call."""

    def __init__(self, model: str, sink: Sink, max_chars: int) -> None:
        self._model = model
        self._sink = sink
        self._max_chars = max_chars
        self._chars = 0
        self._menders: dict[DeltaKind, Mender] = {"text": Mender(), "reasoning": Mender()}
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self.started = False
        self.finish_reason = ""
        self.tokens: TokenCounts | None = None

    async def take(self, pieces: Iterable[Piece]) -> None:
        """Give the pieces' text to the sink; what came together and is of one kind goes as one delta.

        Raises ModelError (model_output_too_large), and what the sink raises.
        """
        kind: DeltaKind = "text"
        held: list[str] = []
        for piece in pieces:
            if piece.reasoning:
                if kind != "reasoning" and held:
                    await self._say(kind, "".join(held))
                    held = []
                kind = "reasoning"
                held.append(piece.reasoning)
            if piece.text:
                if kind != "text" and held:
                    await self._say(kind, "".join(held))
                    held = []
                kind = "text"
                held.append(piece.text)
            for fragment in piece.fragments:
                self._join(fragment)
            if piece.finish_reason:
                self.finish_reason = _FINISH.get(piece.finish_reason, piece.finish_reason)
            if piece.tokens is not None:
                self.tokens = piece.tokens
        if held:
            await self._say(kind, "".join(held))

    async def end(self) -> None:
        """The stream is over: what waited for its other half goes to the sink."""
        for kind, mender in self._menders.items():
            rest = mender.rest()
            if rest:
                await self._sink(kind, rest)

    def reply(self, usage: ModelUsage | None) -> ModelReply:
        calls = tuple(
            RawToolCall(mend(call.id), mend(call.name), mend("".join(call.arguments))) for call in self._calls
        )
        return ModelReply(calls, self.finish_reason, usage)

    async def _say(self, kind: DeltaKind, text: str) -> None:
        self.started = True
        self._count(len(text))
        whole = self._menders[kind].push(text)
        if whole:
            await self._sink(kind, whole)

    def _join(self, fragment: Fragment) -> None:
        self.started = True
        call = self._slot(fragment)
        if fragment.id and not call.id:
            call.id = fragment.id
            self._count(len(fragment.id))
        if fragment.name and not call.name:
            call.name = fragment.name
            self._count(len(fragment.name))
        if fragment.arguments:
            call.arguments.append(fragment.arguments)
            self._count(len(fragment.arguments))

    def _slot(self, fragment: Fragment) -> _Call:
        """The call that a fragment belongs to.

        By its index; but some providers give every call of a message the index 0, and some give none: then a
        fragment with a new id and a name begins a new call.
        """
        if fragment.index is None:
            known = self._calls[-1] if self._calls else None
        else:
            known = self._by_index.get(fragment.index)
        begins = bool(fragment.name and fragment.id and known is not None and known.id and known.id != fragment.id)
        if known is None or begins:
            known = _Call()
            self._calls.append(known)
            self._count(1)
            if fragment.index is not None:
                self._by_index[fragment.index] = known
        return known

    def _count(self, chars: int) -> None:
        self._chars += chars
        if self._chars > self._max_chars:
            raise model_error(
                "model_output_too_large",
                self._model,
                because=f"more than {self._max_chars:,} characters",
                retryable=False,
            )
