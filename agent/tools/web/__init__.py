"""Web fetch: the tool `web_fetch` and its parts. It reaches public addresses alone.

Target: a URL that was parsed and may be fetched.
Hop: one request of a fetch; a redirect leads to the next one, which is checked as the first was.
Pinning: the connection goes to an address that was checked, and the name is not looked up a second time.
Page cache: the long pages that a session fetched last, so that the model can read on without another fetch.
"""

from agent.tools.web.settings import WebSettings
from agent.tools.web.tool import WebClient, WebFetchTool

__all__ = ["WebClient", "WebFetchTool", "WebSettings"]
