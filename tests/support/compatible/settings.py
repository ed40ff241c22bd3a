"""Settings for tests of other protocols: a server that speaks all of them."""

from pathlib import Path

import msgspec

from server.config.compatible import CompatibleSettings
from server.config.settings import Settings
from tests.support.application import ModelServer, settings_for


def compatible(data: Path, model: ModelServer, port: int = 0, **groups: object) -> Settings:
    """As `settings_for`, with AG-UI and OpenAI's API switched on."""
    settings = settings_for(data, model, **groups)
    server = msgspec.structs.replace(settings.server, port=port)
    return msgspec.structs.replace(settings, compatible=CompatibleSettings(ag_ui=True, openai=True), server=server)
