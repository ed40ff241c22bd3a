"""Message queue: the messages of one websocket that wait for the app."""

from typing import Any

from agent.util.signal import Signal


class MessageQueue:
    """In place of uvicorn's asyncio.Queue, which takes 3 KiB for each socket, used or not. One task may `get`.

    Reading pauses while a message waits, so few do.
    """

    __slots__ = ("_arrived", "_messages")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._arrived = Signal()

    def put_nowait(self, message: Any) -> None:
        """Add a message."""
        self._messages.append(message)
        self._arrived.set()

    async def get(self) -> Any:
        """Take the oldest message, as soon as there is one."""
        while not self._messages:
            self._arrived.clear()
            await self._arrived.wait()
        return self._messages.pop(0)

    def qsize(self) -> int:
        """How many messages wait."""
        return len(self._messages)

    def empty(self) -> bool:
        """Whether no message waits."""
        return not self._messages
