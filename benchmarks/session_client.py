"""Session client: a process that follows a session by `SessionClient` alone, as the benchmark of `holdfast acp` compares it.

Arguments: the server's address. A line on standard input is said in the session; a line on standard output follows its turn's end.
"""

import asyncio
import sys

from clients import SessionClient
from protocol import events as ev


async def main(url: str) -> None:
    """Say each line, and receive its turn."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with SessionClient(url, None) as client:
        feed = aiter(client)
        print("ready", flush=True)
        async for line in lines:
            await client.say(line.decode().strip())
            async for item in feed:
                if isinstance(item, ev.TurnComplete | ev.ErrorEvent):
                    break
            print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
