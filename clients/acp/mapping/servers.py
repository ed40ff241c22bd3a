"""Servers: the MCP servers that an editor names, as the Holdfast server takes them. Pure."""

from clients.acp.rpc import INVALID_PARAMS, Failure, Message


def given_servers(servers: object) -> Message:
    """The servers of `session/new` and its like by their names, as in `mcp_servers` of `POST /api/sessions`. Raises `Failure`.

    One of a transport that is not offered goes on as it is: the server refuses it with its reason, and takes the others.
    """
    if servers is None:
        return {}
    if not isinstance(servers, list) or not all(isinstance(one, dict) for one in servers):
        raise Failure(INVALID_PARAMS, "`mcpServers` is a list of objects")
    return {str(one.get("name", "")): _server(one) for one in servers}


def _server(one: Message) -> Message:
    if "command" in one or one.get("type") == "stdio":
        return {"command": one.get("command", ""), "args": one.get("args") or [], "env": _pairs(one.get("env"))}
    if one.get("type") == "http":
        return {"url": one.get("url", ""), "headers": _pairs(one.get("headers"))}
    return {"type": str(one.get("type"))}


def _pairs(listed: object) -> Message:
    """Variables or headers, which are lists of objects with `name` and `value`."""
    pairs = listed if isinstance(listed, list) else []
    return {str(one.get("name", "")): one.get("value") for one in pairs if isinstance(one, dict)}
