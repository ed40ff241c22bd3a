"""Offers: which prompt or resource of an MCP server a typed line names, and the values that it gives. Pure."""

import shlex
from collections.abc import Collection, Sequence
from typing import Final, Literal

import msgspec

from clients.session.library import PromptArgument, ServerLibrary
from clients.terminal.commands import InvalidLine
from clients.terminal.render import one_line

Kind = Literal["prompt", "resource", "template"]
PROMPTS: Final[frozenset[Kind]] = frozenset({"prompt"})
RESOURCES: Final[frozenset[Kind]] = frozenset({"resource", "template"})


class Offer(msgspec.Struct, frozen=True):
    """A prompt, a resource or a template of a server. `name`: of a resource its URI."""

    kind: Kind
    server: str
    name: str
    about: str = ""
    arguments: tuple[PromptArgument, ...] = ()


def offers_of(library: Sequence[ServerLibrary]) -> list[Offer]:
    """All that the servers offer: prompts first, then resources, then templates."""
    offers = [
        Offer("prompt", lib.server, one.name, one.description, one.arguments) for lib in library for one in lib.prompts
    ]
    offers += [Offer("resource", lib.server, one.uri, one.title) for lib in library for one in lib.resources]
    offers += [
        Offer("template", lib.server, one.uri_template, one.title, one.arguments)
        for lib in library
        for one in lib.templates
    ]
    return offers


def list_lines(library: Sequence[ServerLibrary], width: int) -> list[str]:
    """The list for `/prompts`, a line for each offer."""
    lines: list[str] = []
    for offer in offers_of(library):
        takes = "".join(f" {one.name}=" if one.required else f" [{one.name}=]" for one in offer.arguments)
        name = f"/{offer.name}" if offer.kind == "prompt" else f"/resource {offer.name}"
        about = f" · {offer.about}" if offer.about and offer.about != offer.name else ""
        lines.append(one_line(f"{name}{takes}  ({offer.server}{about})", width))
    lines += [one_line(f"{one.server}: {one.reason}", width) for one in library if one.reason]
    return lines or ["there are no prompts and no resources of MCP servers"]


def find(offers: Sequence[Offer], words: str, kinds: Collection[Kind]) -> tuple[Offer, str] | InvalidLine | None:
    """The offer that the words begin with, as NAME or SERVER/NAME, and the words behind it; None if there is none."""
    named = [
        (key, offer)
        for offer in offers
        if offer.kind in kinds
        for key in (offer.name, f"{offer.server}/{offer.name}")
        if words == key or words.startswith(f"{key} ")
    ]
    longest = max((len(key) for key, _ in named), default=0)
    best = [offer for key, offer in named if len(key) == longest]
    if len(best) > 1:
        ways = ", ".join(f"{offer.server}/{offer.name}" for offer in best)
        return InvalidLine(f"several servers have it: write one of {ways}")
    if best:
        return best[0], words[longest:].strip()
    return _of_template(offers, words) if "template" in kinds else None


def _of_template(offers: Sequence[Offer], words: str) -> tuple[Offer, str] | InvalidLine | None:
    """A resource that is not listed: one server's, if only one has templates or the words name it. The server says if it exists."""
    servers = sorted({offer.server for offer in offers if offer.kind == "template"})
    named = [server for server in servers if words.startswith(f"{server}/")]
    if not named and len(servers) > 1:
        return InvalidLine(f"which server's? Write it before the address: {', '.join(f'{one}/...' for one in servers)}")
    if not servers:
        return None
    server = max(named, key=len) if named else servers[0]
    return Offer("resource", server, words.removeprefix(f"{server}/") if named else words), ""


def read_values(offer: Offer, words: str) -> dict[str, str] | InvalidLine:
    """The values that a line gives: as NAME=VALUE, as a JSON object, or as one text for the first argument."""
    names = [one.name for one in offer.arguments]
    if not words:
        return {}
    if not names:
        return InvalidLine(f"{offer.name} takes no values")
    try:
        if words.startswith("{"):
            return msgspec.json.decode(words, type=dict[str, str])
        pairs = [part.partition("=") for part in shlex.split(words)]
    except (msgspec.MsgspecError, ValueError, UnicodeError, RecursionError) as error:
        return InvalidLine(f"the values cannot be read: {error}")
    if all(equals and name in names for name, equals, _ in pairs):
        return {name: value for name, _, value in pairs}
    return {names[0]: words}


def to_ask(offer: Offer, values: dict[str, str]) -> list[PromptArgument]:
    """The arguments to ask for: those that are missing; only the required ones if the line gave some values."""
    return [one for one in offer.arguments if one.name not in values and (one.required or not values)]


def argument_prompt(argument: PromptArgument) -> str:
    """What stands before the value of an argument."""
    about = f" ({argument.description})" if argument.description else ""
    left_out = "" if argument.required else "; empty: left out"
    return f"{one_line(f'{argument.label or argument.name}{about}', 200)}{left_out}; /cancel: "
