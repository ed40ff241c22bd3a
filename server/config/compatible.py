"""Compatible settings: which protocols of others the server speaks over HTTP."""

from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup


class CompatibleSettings(SettingsGroup, frozen=True, kw_only=True):
    """Routes for clients that speak other protocols. See docs/compatible.md."""

    ag_ui: Annotated[bool, Meta(description="Whether clients of AG-UI may drive sessions at `POST /ag-ui`.")] = False
