"""Compatible settings: which protocols of others the server speaks over HTTP and websockets."""

from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup


class CompatibleSettings(SettingsGroup, frozen=True, kw_only=True):
    """Routes for clients that speak other protocols. See docs/compatible.md, docs/editors.md."""

    ag_ui: Annotated[bool, Meta(description="Whether clients of AG-UI may drive sessions at `POST /ag-ui`.")] = False
    ahp: Annotated[
        bool,
        Meta(
            description="Serve the Agent Host Protocol at `/ahp`, and where VS Code looks for it, at `/`: "
            "docs/editors.md. Experimental, as the protocol is."
        ),
    ] = False
    openai: Annotated[
        bool,
        Meta(
            description="Whether clients of OpenAI's API may drive sessions at `/v1/chat/completions` and `/v1/responses`."
        ),
    ] = False
