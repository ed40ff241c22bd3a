"""Stand-in server: sends what a test wrote, one script for each connection, in order."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from protocol import SUBPROTOCOL_JSON
from protocol.frames import Frame
from tests.unit.clients.session.recorded import packed

Script = Callable[[ServerConnection], Awaitable[None]] | Response


class Standin:
    """The scripts that are left, and the paths that were asked for."""

    def __init__(self, scripts: "list[Script]", port: int) -> None:
        self.paths: list[str] = []
        self.url = f"http://127.0.0.1:{port}"
        self.scripts = scripts


@contextlib.asynccontextmanager
async def standing_in(*scripts: Script, subprotocol: str | None = SUBPROTOCOL_JSON) -> AsyncIterator[Standin]:
    """A listening stand-in. A `Response` refuses the upgrade; a script that ends closes with 1000; no `subprotocol`: it knows none."""
    standin = Standin(list(scripts), 0)

    def upgrade(connection: ServerConnection, request: Request) -> Response | None:
        standin.paths.append(request.path)
        return standin.scripts.pop(0) if isinstance(standin.scripts[0], Response) else None  # type: ignore[return-value]  # as the test says

    async def handle(connection: ServerConnection) -> None:
        script = standin.scripts.pop(0)
        assert not isinstance(script, Response)
        with contextlib.suppress(ConnectionClosed):
            await script(connection)

    offered = [Subprotocol(subprotocol)] if subprotocol else None
    async with serve(handle, "127.0.0.1", 0, process_request=upgrade, subprotocols=offered, compression=None) as server:
        standin.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield standin


async def send(connection: ServerConnection, *frames: Frame) -> None:
    """One message."""
    await connection.send(packed(*frames), text=True)


def until_left(*frames: Frame) -> Script:
    """Send these in one message, then wait for the client to leave."""

    async def script(connection: ServerConnection) -> None:
        await send(connection, *frames)
        await connection.wait_closed()

    return script


def then_close(code: int, *frames: Frame) -> Script:
    """Send these in one message, then close."""

    async def script(connection: ServerConnection) -> None:
        await send(connection, *frames)
        await connection.close(code, "as written")

    return script
