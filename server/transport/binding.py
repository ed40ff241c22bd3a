"""The body's door: on which addresses the server may listen at all. Pure."""

from server.config.auth import AuthSettings
from server.util.hosts import is_loopback


def refuse_binding(host: str, addresses: list[str], auth: AuthSettings) -> str | None:
    """Why the server must not listen on `host` (which means `addresses`), or None if it may."""
    outside = [address for address in addresses if not is_loopback(address)]
    if auth.mode != "local" or not outside:
        return None
    means = "" if outside == [host] else f" (that is {', '.join(outside)})"
    return (
        f"refusing to listen on {host}{means}: in local mode there is one user, who is on this machine. "
        "Listen on 127.0.0.1 (--host, server.host) and come from elsewhere through `ssh -L 7860:localhost:7860 HOST`; "
        "or choose a way in for several users: auth.mode `tokens`, `oauth` or `bearer` (HOLDFAST_AUTH)"
    )
