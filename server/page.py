"""The page at `/`: says what this server is and how to talk to it by hand."""

from html import escape

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Holdfast</title><meta name="viewport" content="width=device-width"></head>
<body>
<h1>Holdfast</h1>
<p>A websocket server for agent sessions. It is running, and {model} answers.</p>
<p>Talk to it from a terminal:</p>
<pre>npx wscat -c ws://{host}/ws
holdfast chat --url http://{host}</pre>
<p>For those who write a client: <a href="/asyncapi.json">asyncapi.json</a>, <a href="/schema.json">schema.json</a>,
<a href="/api/config">this server's limits</a>, <a href="/api/sessions">your sessions</a>.</p>
</body>
</html>
"""


def index_page(config: dict[str, object], host: str) -> str:
    """The page's HTML."""
    model = "the built-in demo model" if config["demo"] else f"the model {config['model']}"
    return PAGE.format(model=escape(str(model)), host=escape(host))
