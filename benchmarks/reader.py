"""Bare readers: a process that reads model streams and does nothing else, as a floor. `python -m benchmarks.reader KIND BASE MODEL`.

KIND `litellm` reads as LiteLLM is meant to be read; `aiohttp` reads the same bytes by hand with msgspec, about the least
that Python can do. It takes a `Reading` a line on standard input and answers each with a `ReadingDone`. Same interpreter and
same kind of event loop as the server's.
"""

import asyncio
import importlib
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from agent.util.tasks import TaskOwner
from benchmarks.processes import Reading, ReadingDone

Arrivals = list[tuple[int, str]]
Stream = Callable[[str], AsyncIterator[str]]


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


_decoder = msgspec.json.Decoder(_Chunk)


def litellm_stream(api_base: str, model: str) -> Stream:
    """LiteLLM's own interface: `async for chunk in await acompletion(stream=True)`."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else its import goes to the network
    os.environ["REPEATED_STREAMING_CHUNK_LIMIT"] = "1000000000"  # else it takes equal tokens for a model in a loop
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True

    async def stream(words: str) -> AsyncIterator[str]:
        response = await litellm.acompletion(
            model=model,
            messages=[{"role": "user", "content": words}],
            api_base=api_base,
            api_key="none",
            stream=True,
            stream_options={"include_usage": True},
        )
        try:
            async for chunk in response:
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content
        finally:
            await response.aclose()

    return stream


def aiohttp_stream(api_base: str, model: str) -> Stream:
    """aiohttp and msgspec."""
    aiohttp: Any = importlib.import_module("aiohttp")
    address = f"{api_base}/chat/completions"

    async def stream(words: str) -> AsyncIterator[str]:
        async with aiohttp.ClientSession() as session, session.post(address, json=_body(model, words)) as response:
            async for text in _texts(response.content.iter_any()):
                yield text

    return stream


KINDS: dict[str, Callable[[str, str], Stream]] = {
    "litellm": litellm_stream,
    "aiohttp": aiohttp_stream,
}


def _body(model: str, words: str) -> dict[str, object]:
    return {
        "model": model.partition("/")[2],
        "messages": [{"role": "user", "content": words}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def _texts(blocks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    rest = b""
    async for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                chunk = _decoder.decode(line[6:])
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content


async def read(stream: Stream, reading: Reading) -> ReadingDone:
    """All streams at once, to their end or to where they are to be broken off."""
    tasks = TaskOwner("readers")
    arrivals: list[Arrivals] = [[] for _ in range(reading.streams)]
    enough = asyncio.Event()
    running = [tasks.start(_read_one(stream, reading, into, enough), "reader") for into in arrivals]
    if not reading.cancel_after:
        await asyncio.gather(*running)
        return ReadingDone(arrivals)
    await enough.wait()
    cancelled_at = time.monotonic_ns()
    await tasks.aclose()
    return ReadingDone(arrivals, cancelled_at)


async def _read_one(stream: Stream, reading: Reading, into: Arrivals, enough: asyncio.Event) -> None:
    async for text in stream(reading.words):
        into.append((time.monotonic_ns(), text))
        if len(into) == reading.cancel_after:
            enough.set()


async def serve(stream: Stream, line: Callable[[], Awaitable[bytes]], say: Callable[[bytes], None]) -> None:
    """Answer readings until there are no more."""
    while request := await line():
        say(msgspec.json.encode(await read(stream, msgspec.json.decode(request, type=Reading))) + b"\n")


async def _main(kind: str, api_base: str, model: str) -> None:
    stream = KINDS[kind](api_base, model)
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    out = sys.stdout.buffer

    def say(data: bytes) -> None:
        out.write(data)
        out.flush()

    say(b"ready\n")
    await serve(stream, lines.readline, say)


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(*sys.argv[1:4]))
