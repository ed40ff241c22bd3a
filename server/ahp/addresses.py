"""Addresses: the URIs of the root, of sessions, of their chats and of folders. Pure."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from urllib.parse import quote, unquote, urlsplit

ROOT: Final = "ahp-root://"
PROVIDER: Final = "holdfast"
"""The id of the agent; a session's URI begins with it, as VS Code makes it."""

CHATS: Final = "ahp-chat://default/"

_SESSION = re.compile(r"[a-z][a-z0-9+.-]*:/{1,3}([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})")


def session_id_of(uri: str) -> str | None:
    """The id of the session with this URI, whose path is a UUID; None if it has another form."""
    match = _SESSION.fullmatch(uri.lower()) if len(uri) <= 200 else None
    return "".join(match.groups()) if match else None


def session_uri(session_id: str) -> str:
    """The URI under which a session is listed."""
    parts = (session_id[:8], session_id[8:12], session_id[12:16], session_id[16:20], session_id[20:])
    return f"{PROVIDER}:/{'-'.join(parts)}"


def chat_uri(session: str) -> str:
    """The URI of the one chat of the session with this URI."""
    return CHATS + urlsafe_b64encode(session.encode()).decode().rstrip("=")


def session_of_chat(uri: str) -> str | None:
    """The URI of the session whose chat this is; None if it is no chat's."""
    begin, _, encoded = uri.rpartition("/")
    if begin + "/" != CHATS or len(uri) > 400:
        return None
    try:
        return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except ValueError:  # other characters than those of base64, or no text in it
        return None


def folder_uri(path: str) -> str:
    """The URI of a folder of the server's machine."""
    return "file://" + quote(path)


def folder_path(uri: str) -> str | None:
    """The path of a folder of the server's machine; None if the URI is of something else."""
    try:
        parts = urlsplit(uri)
    except ValueError:  # a host that is none
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    return unquote(parts.path)
