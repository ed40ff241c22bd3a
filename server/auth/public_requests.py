"""Public requests: recognises requests that browsers made at the public URL, whatever a proxy made of them. Pure."""

from typing import Final

from starlette.types import Scope

from server.util.hosts import DEFAULT_PORTS, parse_authority, parse_origin
from server.util.public_url import PublicUrl

PUBLIC: Final = "public"
"""Key in the scope's state: whether the request was made at the public URL, as far as can be seen."""
FORWARDED: Final = "forwarded"
"""Key in the scope's state: whether a proxy, trusted or not, said that it passed the request on."""
SECURE: Final = {"http": "https", "ws": "wss"}
PLAIN: Final = {"https": "http", "wss": "ws"}


def recognized(scope: Scope, public: PublicUrl | None) -> Scope:
    """`scope`, with the public URL's scheme, where the request was made there.

    What tells is the Host, or where a proxy wrote that anew, the Origin or the path.
    """
    if public is None or not (_is_below(scope, public) or _names(scope, public)):
        return scope
    scheme = str(scope.get("scheme", "http"))
    scheme = (SECURE if public.secure else PLAIN).get(scheme, scheme)
    return {**scope, "scheme": scheme, "state": {**scope.get("state", {}), PUBLIC: True}}


def below(scope: Scope, public: PublicUrl | None) -> Scope:
    """`scope`, with the path below that of the public URL, if the proxy has passed the whole path on and not cut it."""
    if public is None or not _is_below(scope, public):
        return scope
    path = str(scope["path"])
    raw = bytes(scope.get("raw_path") or path.encode()).split(b"/")
    return {
        **scope,
        "path": path.removeprefix(public.below),
        "raw_path": b"/" + b"/".join(raw[1 + public.path.count("/") :]),
    }


def is_public(scope: Scope) -> bool:
    """Whether the request was made at the public URL, as `recognized` has found."""
    return bool(scope.get("state", {}).get(PUBLIC))


def _is_below(scope: Scope, public: PublicUrl) -> bool:
    return bool(public.path) and str(scope["path"]).startswith(f"{public.below}/")


def _names(scope: Scope, public: PublicUrl) -> bool:
    """Whether the request's Host or Origin is that of the public URL. On this machine's names, ports tell servers apart."""
    for name, value in scope["headers"]:
        text = value.decode("latin-1").strip()
        if name == b"origin" and parse_origin(text) == public.origin:
            return True
        host = parse_authority(text) if name == b"host" else None
        if host is not None and host.host == public.origin.host:
            port = host.port or DEFAULT_PORTS[public.origin.scheme]
            if not host.loopback or port == public.origin.port:
                return True
    return False
