"""Library: lists what a session's MCP servers offer to its users, and gets the text of a prompt or a resource, over HTTP."""

from typing import TypeVar

import msgspec

from clients.session.address import base_address, http_address, is_loopback

TIMEOUT_S = 30.0
"""The server waits for its MCP servers for some seconds."""
BODY_BYTES_MAX = 64 * 1024 * 1024
"""The largest answer that is read: the lists of many servers. A longer one is refused."""


class PromptArgument(msgspec.Struct, frozen=True):
    """A value that a prompt or a template takes, as text."""

    name: str
    label: str = ""
    description: str = ""
    required: bool = False


class Prompt(msgspec.Struct, frozen=True):
    """A prompt of a server."""

    name: str
    title: str = ""
    description: str = ""
    arguments: tuple[PromptArgument, ...] = ()


class Resource(msgspec.Struct, frozen=True):
    """A resource of a server."""

    uri: str
    title: str = ""
    description: str = ""


class ResourceTemplate(msgspec.Struct, frozen=True):
    """A template of resources, and the values that make a resource's URI of it."""

    uri_template: str
    title: str = ""
    description: str = ""
    arguments: tuple[PromptArgument, ...] = ()


class ServerLibrary(msgspec.Struct, frozen=True):
    """What one server offers to users. `reason`: why it is not all, or empty."""

    server: str
    prompts: tuple[Prompt, ...] = ()
    resources: tuple[Resource, ...] = ()
    templates: tuple[ResourceTemplate, ...] = ()
    reason: str = ""


AnswerT = TypeVar("AnswerT")


class _Servers(msgspec.Struct):
    servers: list[ServerLibrary]


class _Text(msgspec.Struct):
    text: str


class _Refusal(msgspec.Struct):
    message: str


class LibraryRefused(Exception):
    """The server did not give what was asked for. The message is for users."""


class LibraryClient:
    """The library of one session, at the server of this address. Each request has a connection of its own."""

    def __init__(self, url: str, session_id: str, token: str | None) -> None:
        base = base_address(url)
        self._address = f"{http_address(base, session_id)}/mcp"
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._trust_env = not is_loopback(base)

    async def listed(self) -> list[ServerLibrary]:
        """What each server offers. Raises LibraryRefused."""
        return (await self._ask("GET", "", None, _Servers)).servers

    async def prompt(self, server: str, prompt: str, arguments: dict[str, str]) -> str:
        """The text of a prompt. Raises LibraryRefused."""
        body = {"server": server, "prompt": prompt, "arguments": arguments}
        return (await self._ask("POST", "/prompt", body, _Text)).text

    async def resource(self, server: str, resource: str, arguments: dict[str, str]) -> str:
        """The text of a resource: of its URI, or of a template and its values. Raises LibraryRefused."""
        body = {"server": server, "resource": resource, "arguments": arguments}
        return (await self._ask("POST", "/resource", body, _Text)).text

    async def _ask(self, method: str, path: str, body: object, kind: type[AnswerT]) -> AnswerT:
        import httpx  # 0.1 s, which most conversations need not wait for

        try:
            async with httpx.AsyncClient(trust_env=self._trust_env, timeout=TIMEOUT_S) as client:
                request = client.build_request(method, f"{self._address}{path}", headers=self._headers, json=body)
                response = await client.send(request, stream=True)
                data = b""
                async for block in response.aiter_bytes():
                    data += block
                    if len(data) > BODY_BYTES_MAX:
                        raise LibraryRefused("the server's answer is too large")
        except httpx.HTTPError as error:
            raise LibraryRefused(f"the server cannot be asked: {error or type(error).__name__}") from error
        try:
            if response.is_success:
                return msgspec.json.decode(data, type=kind)
            message = msgspec.json.decode(data, type=_Refusal).message
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            message = f"the server answered with HTTP {response.status_code}"
        raise LibraryRefused(message)
