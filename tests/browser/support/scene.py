"""Scene: a page, a real server and a scripted model, with which most tests of the page begin."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.view import View
from tests.browser.support.chat import Chat
from tests.browser.support.tabs import Tabs
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.models.scripted_model import Script, ScriptedModel


@dataclass
class Scene:
    """The page, the server and the model."""

    chat: Chat
    live: Live
    model: ScriptedModel

    async def at_rest(self) -> View:
        """No turn runs, the page is connected, and it shows what the journal says; gives the journal's view."""
        await self.chat.idle()
        await self.chat.live()
        return await self.chat.shows_the_journal(self.live.http)


@contextlib.asynccontextmanager
async def scene(
    tabs: Tabs, folder: Path, script: Script = (), *, path: str = "/", settings: Any = None, **options: Any
) -> AsyncIterator[Scene]:
    """A new visitor at a new server. `settings`: groups as `settings_for` takes them; `options`: of `Tabs.open`.

    The tabs are closed before the server is, or they would complain of its absence.
    """
    async with ScriptedModel(script) as model, listening(settings_for(folder, model, **(settings or {}))) as live:
        try:
            yield Scene(await tabs.open(f"{live.http}{path}", **options), live, model)
        finally:
            await tabs.close()
