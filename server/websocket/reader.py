"""Frame reader: what one client sends, judged by size and number, split into frames and decoded into submissions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from starlette.types import Message

from agent.session.messages import SubmissionRefusal
from protocol import codec, codes
from protocol.codes import CloseReason
from protocol.limits import Limits
from protocol.submissions import Submission
from server.util.rate_limit import TokenBucket
from server.websocket.handshake import Encoding
from server.websocket.policy import SMALL_BYTES, SubmissionPolicy

Result = Submission | codec.FrameError | CloseReason
"""What becomes of a frame: a submission, a refusal, or the end of a client that sends too much."""


TOO_MANY = CloseReason(codes.CLOSE_TOO_MANY, "too many frames; send fewer")
TOO_MANY_BAD = CloseReason(codes.CLOSE_TOO_MANY, "too many bad frames")


class FrameReader:
    """The frames of one client. `count`: how many there were; an empty message counts too."""

    def __init__(self, encoding: Encoding, policy: SubmissionPolicy, limits: Limits) -> None:
        self.count = 0
        self._policy = policy
        self._typed = encoding.subprotocol is None
        self._binary = encoding.kind == "msgpack"
        self._frames = TokenBucket(limits.frames_per_s, limits.frames_burst)
        self._bad_frames = TokenBucket(limits.bad_frames_per_minute / 60, limits.bad_frames_per_minute)

    @staticmethod
    def is_large(message: Message) -> bool:
        """Whether this message may be decoded only when it is `paced`."""
        return _size(message) > SMALL_BYTES

    @contextlib.asynccontextmanager
    async def paced(self, message: Message) -> AsyncIterator[None]:
        """Wait until this large message may be decoded, and keep its user's turn meanwhile."""
        delay_s = self._policy.delay_s(_size(message))
        if delay_s:
            await asyncio.sleep(delay_s)
        async with self._policy.turn:
            yield

    def submissions(self, message: Message, now: float) -> Iterator[Result]:
        """What becomes of each frame of a message at `now` (seconds, monotonic); nothing follows a `CloseReason`.

        What is refused by its size is not looked into. An empty message counts as a frame.
        """
        refusal = self._policy.refuse_unread(_size(message)) if self.is_large(message) else None
        if refusal is not None:
            self.count += 1
            payload = message.get("text") or message.get("bytes") or b""
            yield self._unread(refusal, payload) if self._frames.take(now) else TOO_MANY
            return
        try:
            frames = self._split(message)
        except codec.FrameError as error:
            yield from self._bad(error, now)
            return
        self.count += len(frames)
        for frame in frames:
            if not self._frames.take(now):
                yield TOO_MANY
                return
            refusal = self._policy.refuse_unread(len(frame)) if len(frame) > SMALL_BYTES else None
            if refusal is not None:
                yield self._unread(refusal, frame)
                continue
            try:
                submission = self._decode(frame) if frame else None
            except codec.FrameError as error:
                yield from self._bad(error, now)
                continue
            if submission is not None:
                yield submission

    def _unread(self, refusal: SubmissionRefusal, frame: str | bytes) -> codec.FrameError:
        """The refusal of a frame that is not decoded; its id is read for somebody who may submit."""
        known = "" if refusal.code == codes.FORBIDDEN else codec.submission_id(frame, binary=self._binary)
        return codec.FrameError(refusal.code, refusal.message, known)

    def _split(self, message: Message) -> list[str] | list[bytes]:
        """The frames of a message; an empty one has one empty frame."""
        text, data = message.get("text"), message.get("bytes")
        if self._binary:
            if data is None:
                raise codec.FrameError(codes.BAD_FRAME, "a text message on a MessagePack socket; send binary ones")
            return list(codec.split_msgpack(data, codec.MAX_FRAMES_A_MESSAGE)) or [b""]
        if text is None:
            raise codec.FrameError(codes.BAD_FRAME, "a binary message on a JSON socket; send text ones")
        if self._typed and not text.startswith("{"):
            return [text]
        return list(codec.split_json(text, codec.MAX_FRAMES_A_MESSAGE)) or [""]

    def _decode(self, frame: str | bytes) -> Submission | None:
        if isinstance(frame, str) and self._typed and not frame.startswith("{"):
            return codec.typed_input(frame)
        return codec.decode_submission(frame, binary=self._binary)

    def _bad(self, error: codec.FrameError, now: float) -> Iterator[Result]:
        """Refuse a frame, and end a client that has sent too many bad ones."""
        yield error
        if not self._bad_frames.take(now):
            yield TOO_MANY_BAD


def _size(message: Message) -> int:
    return len(message.get("text") or message.get("bytes") or b"")
