"""Tool names: gives each tool of each MCP server a unique name for models, with the server's name in front if needed. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

NAME_CHARS_MAX = 64
HASH_CHARS = 8

Identity = tuple[str, str]
"""A server's name, and the name that it gives the tool."""

_SOUND = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_UNSOUND = re.compile(r"[^a-zA-Z0-9_-]+")


def name_tools(
    listed: Mapping[str, Sequence[str]], taken: AbstractSet[str], given: Mapping[str, Identity]
) -> dict[str, Identity]:
    """The tools by the names that models see.

    A tool keeps its own name unless a built-in tool has it (`taken`), another server lists it too, providers refuse it, or
    another tool had it before (`given`): a name that somebody approved never gets another meaning. Otherwise its name is
    SERVER_TOOL, or that with a part of a hash if SERVER_TOOL is not free. The order of servers and tools has no influence.
    """
    every_tool = [(server, tool) for server, tools in listed.items() for tool in dict.fromkeys(tools)]
    owners = Counter(tool for _, tool in every_tool)

    def free(name: str, identity: Identity) -> bool:
        return name not in taken and given.get(name, identity) == identity

    named = {
        tool: (server, tool)
        for server, tool in every_tool
        if _SOUND.fullmatch(tool) and owners[tool] == 1 and free(tool, (server, tool))
    }
    kept = set(named)
    rest = [identity for identity in every_tool if identity not in set(named.values())]
    wanted = Counter(prefixed(*identity) for identity in rest)
    for identity in rest:
        name = prefixed(*identity)
        if wanted[name] > 1 or name in kept or not free(name, identity):
            name = hashed(*identity)
        if name not in named and free(name, identity):
            named[name] = identity
    return named


def prefixed(server: str, tool: str) -> str:
    """SERVER_TOOL, with the characters that providers accept; shortened with a part of a hash if it is too long."""
    name = _UNSOUND.sub("_", f"{server}_{tool}")
    return name if len(name) <= NAME_CHARS_MAX else hashed(server, tool)


def hashed(server: str, tool: str) -> str:
    """SERVER_TOOL with a part of a hash, so that no two tools have the same name."""
    digest = hashlib.sha256(f"{server}\0{tool}".encode(errors="surrogatepass")).hexdigest()[:HASH_CHARS]
    return f"{_UNSOUND.sub('_', f'{server}_{tool}')[: NAME_CHARS_MAX - HASH_CHARS - 1]}_{digest}"
