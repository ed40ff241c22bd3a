"""Attacks of MCP servers: a user's session calls the tool of a hostile server, again and again."""

import asyncio
import contextlib

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from protocol.codec import encode
from protocol.submissions import UserInput
from tests.hostile.target import Target


async def large_and_odd_answers(target: Target) -> None:
    """Each kind of answer, one after another."""
    await _calls(target, "blocks", "unknown_blocks", "structured", "text", "file", "elsewhere")


async def progress_without_end(target: Target) -> None:
    """Progress of a call, without a pause."""
    await _calls(target, "progress")


async def changed_lists_without_end(target: Target) -> None:
    """The notification that the list of tools changed, and each time another list."""
    await _calls(target, "changes")


async def requests_without_end(target: Target) -> None:
    """Requests that are declined, without a pause."""
    await _calls(target, "requests")


async def empty_lines_without_end(target: Target) -> None:
    """Lines that are no message, without a pause."""
    await _calls(target, "lines")


async def floods_without_end(target: Target) -> None:
    """Progress, changed lists and requests, one after another."""
    await _calls(target, "progress", "changes", "requests")


async def until_it_answers(target: Target) -> None:
    """No attack: call the tool until its server has started."""
    async with target.socket("user") as socket:
        while '"output":"words"' not in await _turn(socket, 'call=attack:{"kind":"words"} tokens=1'):
            await asyncio.sleep(0)


async def _calls(target: Target, *kinds: str) -> None:
    """Call the tool with each of the kinds, one after another; then again."""
    with contextlib.suppress(ConnectionClosed):
        async with target.socket("user") as socket:
            while True:
                for kind in kinds:
                    await _turn(socket, f'call=attack:{{"kind":"{kind}"}} tokens=1')


async def _turn(socket: ClientConnection, text: str) -> str:
    """One turn; the frames that came, without those of large answers."""
    await socket.send(encode(UserInput(text=text)).decode())
    seen = ""
    async for frame in socket:
        words = frame if isinstance(frame, str) else frame.decode()
        seen += words[:10_000]
        assert '"type":"approval_required"' not in words, words
        if any(f'"type":"{end}"' in words for end in ("turn_complete", "error", "refused")):
            break
        await asyncio.sleep(0)
    return seen
