"""Checks: the address, the model, MCP servers, Python, file descriptors and the sandbox."""

import asyncio
import http.client
import socket
from collections.abc import Mapping

import msgspec

from agent.models import Catalog, DeltaKind, ModelError, ModelRequest, Models, choose_model
from agent.sandbox.local.probe import probe
from agent.sandbox.settings import SandboxSettings
from agent.tools.mcp import McpServer, program, try_server
from server.config.loader import SettingsError
from server.config.settings import Settings
from server.doctor.finding import Finding, fail, ok, warn
from server.transport import listeners
from server.transport.listeners import ListenError, refuse_workers

ASK_S = 3.0


def address(settings: Settings) -> Finding:
    """Whether the server may and can listen at its address. Binds for a moment and accepts nothing."""
    host, port = settings.server.host, settings.server.port
    where = f"{host} port {port}, auth mode: {settings.auth.mode}"
    try:
        for sock in listeners.open_sockets(settings):
            sock.close()
    except SettingsError as error:
        return fail("address", where, str(error))
    except ListenError as error:
        if port and is_ours(port):
            return ok("address", f"{where}; a Holdfast server answers there already")
        return fail("address", where, str(error))
    return ok("address", f"{where}; it is free")


def is_ours(port: int) -> bool:
    """Whether a Holdfast answers on this port of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ASK_S)
    try:
        connection.request("GET", "/api/config")
        config = msgspec.json.decode(connection.getresponse().read(65_536))
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, UnicodeError, socket.timeout):  # noqa: UP041
        return False
    finally:
        connection.close()
    return isinstance(config, dict) and config.get("name") == "holdfast"


OUTPUT_TOKENS = 16
"""Enough for a word; some providers take no less."""


def chosen(settings: Settings, environ: Mapping[str, str]) -> Finding:
    """Which model answers, and why."""
    choice = choose_model(settings.model.model, environ, settings.model.calls.defaults)
    if choice.demo and not settings.model.model.strip():
        advice = "set OPENAI_API_KEY, ANTHROPIC_API_KEY, HF_TOKEN ..., or name a model (--model, HOLDFAST_MODEL)"
        return warn("model", f"the built-in demo answers: {choice.reason}", advice)
    return ok("model", f"{choice.model}: {choice.reason}")


async def answers(settings: Settings, environ: Mapping[str, str]) -> Finding:
    """Whether the model answers: one real call of a few tokens, without retries."""
    model = choose_model(settings.model.model, environ, settings.model.calls.defaults).model
    calls = msgspec.structs.replace(settings.model.calls, max_retries=0)
    models = Models(calls, Catalog(settings.model.models), named=[model], configured=model)
    reply: list[str] = []

    async def sink(kind: DeltaKind, text: str) -> None:
        reply.append(text)

    messages: list[dict[str, object]] = [{"role": "user", "content": "Say: ok"}]
    try:
        await models.call(ModelRequest(model, messages, [], max_output_tokens=OUTPUT_TOKENS), sink)
    except ModelError as error:
        return fail("model call", f"{error.code}", error.message)
    finally:
        await models.aclose()
    return ok("model call", f"{model} answered with {len(''.join(reply))} characters")


LEFT_OUT_NAMED_MAX = 10
"""Tools of an MCP server that models do not get and that are named."""


async def mcp_servers(settings: Settings, environ: Mapping[str, str], *, online: bool) -> list[Finding]:
    """A finding for each MCP server. `online`: also connect to them, all at once."""
    if not settings.mcp_servers:
        return [ok("MCP servers", "none are configured")]
    found = [_one(settings, f"MCP server {name}", name, environ, online) for name in settings.mcp_servers]
    return await asyncio.gather(*found)


async def _one(settings: Settings, title: str, name: str, environ: Mapping[str, str], online: bool) -> Finding:
    entry: McpServer = settings.mcp_servers[name]
    if entry.disabled:
        return ok(title, "is disabled")
    path = program(entry, environ) if entry.command else ""
    if path is None:
        advice = "install it, or give its whole path"
        return fail(title, f"the command {entry.command!r} is not on the PATH", advice)
    if entry.owner_token:
        return ok(title, "is started with its owner's token, so not by the doctor")
    if not online:
        return ok(title, f"runs {path}" if path else "is reached by its url, which was not asked (--online does)")
    status = await try_server(name, entry)
    if status.state != "up":
        return fail(title, status.reason, "start it, or mend its entry in mcpServers; its log says more")
    if not status.tools:
        return warn(title, "answers, and has no tools", "see its entry's tools, which may name none that it has")
    if status.left_out:
        named = "; ".join(f"{one.name}: {one.reason}" for one in status.left_out[:LEFT_OUT_NAMED_MAX])
        more = (
            f"; and {len(status.left_out) - LEFT_OUT_NAMED_MAX} more"
            if len(status.left_out) > LEFT_OUT_NAMED_MAX
            else ""
        )
        return ok(title, f"answers (tools: {status.tools}); models do not get {named}{more}")
    return ok(title, f"answers (tools: {status.tools})")


LEAST_PYTHON = (3, 11)
DESCRIPTORS = 4_096
"""A socket takes one; below this many a few hundred clients with their files and model calls may use them up."""


def python(version: tuple[int, int, int]) -> Finding:
    """Whether this Python is new enough."""
    spelled = ".".join(map(str, version))
    if version[:2] < LEAST_PYTHON:
        return fail("python", spelled, "install Python 3.11 or newer and make the environment anew with it")
    return ok("python", spelled)


def descriptors(soft: int, hard: int) -> Finding:
    """Whether the process may open enough files and sockets. A limit below 0 is none."""
    if 0 <= soft < DESCRIPTORS:
        most = "" if 0 <= hard < DESCRIPTORS else f" (up to {hard} without root)" if hard >= 0 else ""
        advice = (
            f"`ulimit -n {DESCRIPTORS}`{most}, or LimitNOFILE={DESCRIPTORS} in the systemd unit: each socket takes one"
        )
        return warn("descriptors", f"{soft} may be open", advice)
    return ok("descriptors", "any number may be open" if soft < 0 else f"{soft} may be open")


def workers(environ: Mapping[str, str]) -> Finding:
    """Whether the environment asks for several worker processes."""
    try:
        refuse_workers(environ)
    except SettingsError as error:
        return fail("workers", str(error), "unset WEB_CONCURRENCY, or set it to 1")
    return ok("workers", "one process serves all sessions")


def sandbox(settings: SandboxSettings, path: str) -> Finding:
    """Whether the agent's commands run, and in which sandbox. `path`: a search path for programs, as in PATH."""
    match settings.kind:
        case "host":
            advice = "set sandbox.kind to `local`, unless this machine is nobody else's and may be lost"
            return warn("sandbox", "host: the agent's commands run unprotected, as the server's own user", advice)
        case "off":
            return ok("sandbox", "off: the agent runs no commands")
        case "hub" | "space":
            where = settings.space or settings.space_template if settings.kind == "space" else settings.hub_image
            return ok("sandbox", f"{settings.kind}: at the Hugging Face Hub ({where}), for who is logged in there")
    found = probe(path)
    if found.program is None:
        return warn("sandbox", f"local: no commands run, there is no tool `bash`: {found.why}", found.advice)
    not_used = f"; the system's is not used: {found.not_used}" if found.not_used else ""
    return ok("sandbox", f"local: {found.program}, a sandbox starts{not_used}")
