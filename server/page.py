"""The page at `/`: says what this server is and how to talk to it by hand; logs a browser in by the link it was given."""

import base64
from hashlib import sha256
from html import escape

SCRIPT = """
const say = (text) => { document.getElementById("who").textContent = text; };
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const who = async () => {
  const me = await fetch("/api/me");
  if (me.ok) say("You are logged in as " + (await me.json()).user_id + ".");
  else say("You are not logged in. Open the link that the server printed at its first start.");
};
if (token) {
  history.replaceState(null, "", location.pathname);
  const config = await (await fetch("/api/config")).json();
  const path = config.auth.mode === "local" ? "/auth/local" : "/auth/token";
  const headers = {"content-type": "application/json"};
  const login = await fetch(path, {method: "POST", headers, body: JSON.stringify({token})});
  if (login.ok) await who();
  else say((await login.json()).message);
} else await who();
"""
SCRIPT_HASH = "sha256-" + base64.b64encode(sha256(SCRIPT.encode()).digest()).decode()

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Holdfast</title><meta name="viewport" content="width=device-width"></head>
<body>
<h1>Holdfast</h1>
<p>A websocket server for agent sessions. It is running.</p>
<p id="who"></p>
<p>Talk to it from a terminal:</p>
<pre>npx wscat -c ws://{host}/ws -H "Authorization: Bearer TOKEN"
holdfast chat --url http://{host}</pre>
<p>For those who write a client: <a href="/asyncapi.json">asyncapi.json</a>, <a href="/schema.json">schema.json</a>,
<a href="/api/config">this server's limits</a>, <a href="/api/sessions">your sessions</a>.</p>
<script type="module">{script}</script>
</body>
</html>
"""


def index_page(host: str) -> str:
    """The page's HTML. Its one script is named in the policy by `SCRIPT_HASH`."""
    return PAGE.format(host=escape(host), script=SCRIPT)
