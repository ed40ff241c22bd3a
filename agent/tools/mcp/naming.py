"""Which name each tool of each MCP server has for a model: its own, or with the server's in front. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

NAME_CHARS_MAX = 64
HASH_CHARS = 8

Identity = tuple[str, str]
"""A server's name and its own name for the tool."""

_SOUND = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_UNSOUND = re.compile(r"[^a-zA-Z0-9_-]+")


def name_tools(
    listed: Mapping[str, Sequence[str]], taken: AbstractSet[str], given: Mapping[str, Identity]
) -> dict[str, Identity]:
    """The tools by the names they have for a model.

    A tool keeps its own name unless a built-in tool has it (`taken`), another server lists it too, providers refuse it,
    or it was once another tool's (`given`): a name that somebody approved never comes to mean something else. Then it is
    SERVER_NAME, and where that is not to be had either, that and a part of a hash. The order of servers and of tools
    changes nothing.
    """
    everyone = [(server, tool) for server, tools in listed.items() for tool in dict.fromkeys(tools)]
    owners = Counter(tool for _, tool in everyone)

    def free(name: str, identity: Identity) -> bool:
        return name not in taken and given.get(name, identity) == identity

    named = {
        tool: (server, tool)
        for server, tool in everyone
        if _SOUND.fullmatch(tool) and owners[tool] == 1 and free(tool, (server, tool))
    }
    kept = set(named)
    rest = [identity for identity in everyone if identity not in set(named.values())]
    wanted = Counter(prefixed(*identity) for identity in rest)
    for identity in rest:
        name = prefixed(*identity)
        if wanted[name] > 1 or name in kept or not free(name, identity):
            name = hashed(*identity)
        if name not in named and free(name, identity):
            named[name] = identity
    return named


def prefixed(server: str, tool: str) -> str:
    """SERVER_TOOL as providers take it; shortened with a part of a hash if it is too long."""
    name = _UNSOUND.sub("_", f"{server}_{tool}")
    return name if len(name) <= NAME_CHARS_MAX else hashed(server, tool)


def hashed(server: str, tool: str) -> str:
    """The same with a part of a hash, so that no two tools have it."""
    digest = hashlib.sha256(f"{server}\0{tool}".encode(errors="surrogatepass")).hexdigest()[:HASH_CHARS]
    return f"{_UNSOUND.sub('_', f'{server}_{tool}')[: NAME_CHARS_MAX - HASH_CHARS - 1]}_{digest}"
