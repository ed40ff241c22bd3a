"""Offering: uses prompts and resources of MCP servers: asks for their values, shows their text, and sends it if the user agrees."""

from collections.abc import Callable, Collection

from clients.session.library import LibraryClient, LibraryRefused, PromptArgument
from clients.terminal.commands import InvalidLine, no_command
from clients.terminal.offers import (
    PROMPTS,
    Kind,
    Offer,
    argument_prompt,
    find,
    list_lines,
    offers_of,
    read_values,
    to_ask,
)
from clients.terminal.render import Renderer
from protocol.submissions import UserInput
from protocol.visible import exact

SHOWN_CHARS_MAX = 8_000
"""Characters of a text that are shown before it is sent; it may have a thousand times as many."""

CONFIRM = "send it? [y]es, [n]o, or write what to add: "


class Offering:
    """The prompts and resources of one conversation. `fail`: shows an error. `send`: submits an input."""

    def __init__(
        self,
        library: LibraryClient,
        renderer: Renderer,
        write: Callable[[str], None],
        fail: Callable[[str], None],
        send: Callable[[UserInput], object],
    ) -> None:
        self._library = library
        self._renderer = renderer
        self._write = write
        self._fail = fail
        self._send = send
        self._offer: Offer | None = None
        self._values: dict[str, str] = {}
        self._asking: list[PromptArgument] = []
        self._text: str | None = None

    @property
    def prompt(self) -> str:
        """What stands before the next line; empty if nothing is asked."""
        if self._text is not None:
            return CONFIRM
        return argument_prompt(self._asking[0]) if self._asking else ""

    async def show_list(self) -> None:
        """Show what there is."""
        try:
            lines = list_lines(await self._library.listed(), self._renderer.width)
        except LibraryRefused as refused:
            self._fail(str(refused))
        else:
            self._write("".join(map(self._renderer.line, lines)))

    async def begin(self, words: str, kinds: Collection[Kind]) -> None:
        """Use what the words name; a line for each value that is missing is asked for."""
        self._leave()
        try:
            offers = offers_of(await self._library.listed())
        except LibraryRefused as refused:
            self._fail(str(refused))
            return
        found = find(offers, words, kinds)
        if found is None:
            name = words.partition(" ")[0]
            self._fail(no_command(name) if kinds is PROMPTS else "no server has this resource; /prompts lists them")
            return
        values = found if isinstance(found, InvalidLine) else read_values(*found)
        if isinstance(values, InvalidLine) or isinstance(found, InvalidLine):
            self._fail(values.why if isinstance(values, InvalidLine) else "")
            return
        self._offer, self._values = found[0], values
        self._asking = to_ask(self._offer, values)
        if not self._asking:
            await self._get()

    async def answer(self, line: str) -> None:
        """Take the line that was asked for."""
        line = line.strip()
        if line == "/cancel":
            self._leave()
        elif self._text is not None:
            self._confirm(line)
        elif line or not self._asking[0].required:
            argument = self._asking.pop(0)
            if line:
                self._values[argument.name] = line
            if not self._asking:
                await self._get()

    async def _get(self) -> None:
        offer, self._offer = self._offer, None
        assert offer is not None
        ask = self._library.prompt if offer.kind == "prompt" else self._library.resource
        try:
            self._text = await ask(offer.server, offer.name, self._values)
        except LibraryRefused as refused:
            self._fail(str(refused))
            return
        shown, more = self._text[:SHOWN_CHARS_MAX], len(self._text) - SHOWN_CHARS_MAX
        self._write("".join(self._renderer.line(f"    {exact(line)}") for line in shown.split("\n")))
        if more > 0:
            self._write(self._renderer.line(f"    [... {more} more characters]", "dim"))

    def _confirm(self, line: str) -> None:
        if not line:
            return
        text, self._text = self._text or "", None
        if line.lower() in ("n", "no"):
            return
        added = "" if line.lower() in ("y", "yes") else f"\n\n{line}"
        self._send(UserInput(text=f"{text}{added}"))

    def _leave(self) -> None:
        self._offer, self._text, self._values, self._asking = None, None, {}, []
