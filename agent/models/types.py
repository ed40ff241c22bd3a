"""Model call types: requests, replies and stream chunks, the same for every provider."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

import msgspec

from agent.util.places import SERVER, Holder

DeltaKind = Literal["text", "reasoning"]
ReadImage = Callable[[str, int], Awaitable[str]]
Sink = Callable[[DeltaKind, str], Awaitable[None]]

DEMO_MODEL = "demo"


class RawToolCall(msgspec.Struct, frozen=True):
    """A tool call as the model wrote it: the id may be empty or used twice, the arguments may be no JSON."""

    id: str
    name: str
    arguments: str


class ModelUsage(msgspec.Struct, frozen=True):
    """Tokens of one call as the provider counted them, or an estimate (`estimated`).

    `cached_tokens` are a part of `input_tokens`, `reasoning_tokens` of `output_tokens`: they are not sent again. `cost_usd`
    is None when the price is unknown.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float | None
    reasoning_tokens: int = 0
    estimated: bool = False


class ModelReply(msgspec.Struct, frozen=True):
    """What remains when the text has gone through the sink. `usage` is estimated if the provider sent none.

    `provider_state`: what the provider wants back with this message, encoded; empty if nothing. See `provider_state`.
    """

    tool_calls: tuple[RawToolCall, ...]
    finish_reason: str
    usage: ModelUsage | None
    provider_state: bytes = b""


class KeptState(msgspec.Struct, frozen=True):
    """The provider state of an earlier message, as its reply had it, and the texts of that message as it came."""

    data: bytes
    reasoning: str
    text: str = ""

    def __repr__(self) -> str:
        """Without what it holds: the state is shown to nobody."""
        return f"KeptState({len(self.data)} bytes)"


class ModelRequest(msgspec.Struct, frozen=True):
    """One call. Messages and tools in the shapes of OpenAI's chat completions. A message of the model may have a `KeptState`
    under `provider_state`, one of the user the paths of its images under `images`.

    `optional`: nobody waits for the answer, so it is not tried again and gives way to others.
    `read_image`: the image at a path as a `data:` URL, of so many bytes at most; raises ImageRefused. None: there are none.
    `holder`: whose session it is. `hub_token`: the session owner's Hugging Face token, used for models that its router serves.
    """

    model: str
    messages: list[dict[str, object]]
    tools: list[dict[str, object]]
    max_output_tokens: int | None = None
    reasoning_effort: str = ""
    hub_token: str = ""
    holder: Holder = SERVER
    optional: bool = False
    read_image: ReadImage | None = None


class ModelInfo(msgspec.Struct, frozen=True):
    """What is known of a model. `context_limit` in tokens; `max_output_tokens` is None when unknown, as are the prices, in
    US dollars for a million tokens. `images`: whether it sees images; None when unknown: then it is tried."""

    model: str
    demo: bool
    context_limit: int
    max_output_tokens: int | None
    label: str = ""
    input_usd: float | None = None
    output_usd: float | None = None
    reasoning_effort: str = ""
    images: bool | None = None


class ToolCallFragment(msgspec.Struct):
    """A part of a tool call in a stream. `index` is the call's place in the message; None if the provider sends none.

    `signature`: what the provider wants back with the call.
    """

    index: int | None = None
    id: str | None = None
    name: str | None = None
    arguments: str | None = None
    signature: str = ""


class StatePiece(msgspec.Struct):
    """The provider state in one chunk, as it came and not checked: its lists may be anything.

    `returns_reasoning`: the provider wants the text of the reasoning back; `names_reasoning`: as `reasoning`, which is what it
    calls it itself.
    """

    thinking_blocks: object = None
    reasoning_details: object = None
    reasoning_items: object = None
    text_signatures: object = None
    returns_reasoning: bool = False
    names_reasoning: bool = False


RETURNS_REASONING = StatePiece(returns_reasoning=True)
NAMES_REASONING = StatePiece(returns_reasoning=True, names_reasoning=True)


class TokenCounts(msgspec.Struct):
    """Tokens of one call. Those read from and written to the cache are a part of the input, those of reasoning of the output."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


class StreamChunk(msgspec.Struct):
    """One chunk of a provider's stream, in one shape for all providers. `done`: the provider said that the stream is over."""

    text: str = ""
    reasoning: str = ""
    fragments: tuple[ToolCallFragment, ...] = ()
    finish_reason: str = ""
    tokens: TokenCounts | None = None
    state: StatePiece | None = None
    done: bool = False


@runtime_checkable
class TextSink(Protocol):
    """A sink that can also take text without waiting."""

    async def __call__(self, kind: DeltaKind, text: str) -> None:
        """Take text; wait while too much waits."""

    @property
    def has_room(self) -> bool:
        """Whether it would take text without waiting."""

    def put(self, kind: DeltaKind, text: str) -> None:
        """Take text at once."""


TakeChunks = Callable[[Sequence[StreamChunk]], bool]
"""Takes chunks of a stream as they come; gives whether it took them."""


class ProviderStream(Protocol):
    """An answer while it arrives. Whoever opened it must close it: an open stream keeps its connection."""

    async def read(self, take: TakeChunks | None = None) -> Sequence[StreamChunk] | None:
        """The chunks since the last read, none if something else came, such as a comment; None at the end. Raises ModelError.

        `take`: may be given chunks while this waits; those that it does not take are returned.
        """

    async def aclose(self) -> None:
        """Close the HTTP stream; possible in the middle of an answer."""
