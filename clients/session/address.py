"""Addresses: the websocket URL for a server's address, a session and a position. Pure."""

import ipaddress
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def base_address(url: str) -> str:
    """The server's websocket address without a session: `http://host:7860` is `ws://host:7860/ws`. Raises `ValueError`."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a server; write it like http://127.0.0.1:7860")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"the address of a server has no user, query or fragment: {url!r}")
    path = parts.path.rstrip("/").removesuffix("/ws")
    return urlunsplit((scheme, parts.netloc, f"{path}/ws", "", ""))


def socket_address(base: str, session_id: str | None, epoch: str, after: int | None) -> str:
    """The address that binds to this session (None: to a new one), after this position (None: by a snapshot).

    A replay is asked for without the texts that `turn_complete` repeats.
    """
    address = base if session_id is None else f"{base}/{quote(session_id, safe='')}"
    if after is None:
        return address
    query = {"after": after, "epoch": epoch} if epoch else {"after": after}
    return f"{address}?{urlencode(query)}&final_response=no"


def http_address(base: str, session_id: str) -> str:
    """The HTTP address of a session, for a server's websocket address."""
    parts = urlsplit(base)
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    path = f"{parts.path.removesuffix('/ws')}/api/sessions/{quote(session_id, safe='')}"
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def is_loopback(base: str) -> bool:
    """Whether the address names this machine, which no proxy can reach for us."""
    host = urlsplit(base).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
