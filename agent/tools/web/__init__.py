"""The web: fetches a page for the model, from public addresses alone. Its parts, in the order in which a fetch meets them:

`tool` the tool · `urls` what may be asked for · `fetch` the hops · `dial` one lookup, checked and pinned · `addresses` which are
public · `body` bytes within bounds · `content` what they are · `readable` HTML as Markdown, made in a process of its own.
"""

from agent.tools.web.settings import WebSettings
from agent.tools.web.tool import Web, WebFetchTool

__all__ = ["Web", "WebFetchTool", "WebSettings"]
