"""Security headers: content security policy and the like, added to every HTTP response."""

from collections.abc import Sequence

from starlette.types import Message, Send

NO_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
PAGE = (
    "default-src 'none'; script-src 'self'{hashes}; style-src 'self'; img-src 'self' data:{images}; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}; "
    "require-trusted-types-for 'script'; trusted-types worker"
)
DIAGRAM = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""Of the frame that draws a diagram: it has no origin, so it reaches neither the page nor the server, wherever it is opened. Which inline
scripts run it says itself, by their hashes."""
PDF = DIAGRAM.replace("script-src", "worker-src blob:; script-src")
"""Of the frame that draws a PDF file: the same, but it starts a worker of the script that it holds."""
WORKER = "default-src 'none'; connect-src 'self'"
"""Of the page's service worker: it asks for the page's own files."""
DISABLED_FEATURES = (
    b"accelerometer",
    b"autoplay",
    b"camera",
    b"display-capture",
    b"geolocation",
    b"gyroscope",
    b"magnetometer",
    b"microphone",
    b"midi",
    b"payment",
    b"usb",
)
FIXED_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b", ".join(b"%s=()" % feature for feature in DISABLED_FEATURES),
    ),
]
START_MESSAGES = ("http.response.start", "websocket.http.response.start")
HSTS = (b"strict-transport-security", b"max-age=31536000")


def content_security_policy(
    ancestors: Sequence[str], *, page: bool, hashes: Sequence[str] = (), image_sources: Sequence[str] = ()
) -> str:
    """The policy of a page, or of any other response. `hashes`: of the page's inline scripts, such as `sha256-...`."""
    allowed = " ".join(ancestors) or "'none'"
    spelled = "".join(f" '{value}'" for value in hashes)
    if not page:
        return NO_PAGE.format(ancestors=allowed)
    images = "".join(f" {source}" for source in image_sources)
    return PAGE.format(hashes=spelled, images=images, ancestors=allowed)


def add_security_headers(send: Send, ancestors: Sequence[str], *, secure: bool) -> Send:
    """`send`, with the headers added to each response; with HSTS if `secure`. Headers that a route has set itself stay."""

    async def sending(message: Message) -> None:
        if message["type"] in START_MESSAGES:
            headers = list(message.get("headers", []))
            names = {name.lower(): value for name, value in headers}
            page = names.get(b"content-type", b"").startswith(b"text/html")
            policy = content_security_policy(ancestors, page=page)
            more = [*FIXED_HEADERS, (b"content-security-policy", policy.encode())]
            if secure:
                more.append(HSTS)
            message["headers"] = [*headers, *((name, value) for name, value in more if name not in names)]
        await send(message)

    return sending
