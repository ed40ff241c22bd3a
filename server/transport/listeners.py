"""Listeners: make the listening sockets, or take one over from a supervisor, and set the options that connections inherit."""

import errno
import os
import socket
from collections.abc import Mapping

from server.config.auth import AuthSettings
from server.config.loader import SettingsError
from server.config.settings import Settings
from server.config.sockets import SocketSettings
from server.transport import websocket
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


BACKLOG = 2048
"""How many connections the kernel holds until they are accepted."""
FREE_PORT_TRIES = 20
KERNEL_TIMEOUT_FACTOR = 1.25
"""The kernel cuts a client that takes nothing after this times `send_timeout_s`, plus `CLOSE_GRACE_S`."""

_LOOPBACKS = {"127.0.0.1", "localhost"}


class ListenError(Exception):
    """The server cannot listen; the message says where and why."""


def refuse_workers(environ: Mapping[str, str]) -> None:
    """Refuse more than one worker process. Raises `SettingsError`."""
    workers = environ.get("WEB_CONCURRENCY", "").strip()
    if workers.isdecimal() and int(workers) > 1:
        raise SettingsError(
            f"environment: WEB_CONCURRENCY is {workers}, but a session lives in one process: several would each have "
            "their own copy of it. Set WEB_CONCURRENCY=1: one process serves all sessions, or several servers with a port each share a "
            "database (nodes.several)"
        )


def open_sockets(settings: Settings) -> list[socket.socket]:
    """Bound sockets for the settings' host and port, not yet listening.

    `127.0.0.1` and `localhost` give two, IPv4 and IPv6, where the machine has both: clients that look up `localhost`
    may try either first. Raises `SettingsError` for an address that must not be used, `ListenError` for one that
    cannot.
    """
    host, port = settings.server.host, settings.server.port
    addresses = _addresses(host, port)
    refused = refuse_binding(host, addresses, settings.auth)
    if refused:
        raise SettingsError(f"server.host: {refused}")
    if host.lower() in _LOOPBACKS:
        addresses = ["127.0.0.1", "::1"]
    for _ in range(FREE_PORT_TRIES - 1 if port == 0 else 0):
        try:
            return _bind_all(addresses, port, settings.socket)
        except ListenError:
            continue
    return _bind_all(addresses, port, settings.socket)


def adopt_socket(fd: int, settings: Settings) -> socket.socket:
    """The listening socket that a supervisor handed over as descriptor `fd`.

    While the server is restarted, connections wait in its backlog. Raises `ListenError`, and `SettingsError` for an
    address that must not be used.
    """
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise ListenError(f"--fd {fd}: not an open socket: {error.strerror}") from error
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
        sock.detach()
        raise ListenError(f"--fd {fd}: must be a TCP socket")
    address: str = sock.getsockname()[0]
    refused = refuse_binding(f"the socket of --fd {fd}", [address], settings.auth)
    if refused:
        sock.detach()
        raise SettingsError(refused)
    os.set_inheritable(fd, False)
    _set_options(sock, settings.socket)
    return sock


def urls(sockets: list[socket.socket]) -> list[str]:
    """Where the server can be reached, one URL for each socket."""
    return [f"http://{_address_text(*sock.getsockname()[:2])}" for sock in sockets]


def local_port(sockets: list[socket.socket]) -> int | None:
    """The port under which `localhost` reaches the server, if it does."""
    return next((sock.getsockname()[1] for sock in sockets if is_loopback(sock.getsockname()[0])), None)


def _addresses(host: str, port: int) -> list[str]:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ListenError(f"server.host: {host!r} is no address of this machine: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def _bind_all(addresses: list[str], port: int, bounds: SocketSettings) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            sock = _bind(address, port, bounds, needed=not sockets)
            if sock is not None:
                sockets.append(sock)
                port = sock.getsockname()[1]
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _bind(address: str, port: int, bounds: SocketSettings, *, needed: bool) -> socket.socket | None:
    """A bound socket; None if the machine has no such address and it is not `needed`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        if not needed:
            return None
        raise ListenError(f"cannot listen on {_address_text(address, port)}: {error.strerror}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _set_options(sock, bounds)
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRNOTAVAIL and not needed:
            return None
        raise listen_error(address, port, error) from error
    return sock


def _set_options(sock: socket.socket, bounds: SocketSettings) -> None:
    """Bound what the kernel keeps for a client that does not read, and for how long. Accepted sockets inherit this.

    The kernel cuts without a close frame. So its timeout is longer than the server's own, which closes with 4408.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, websocket.SEND_BUFFER_BYTES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None:
        seconds = bounds.send_timeout_s * KERNEL_TIMEOUT_FACTOR + websocket.CLOSE_GRACE_S
        sock.setsockopt(socket.IPPROTO_TCP, user_timeout, round(seconds * 1000))


def listen_error(address: str, port: int, error: OSError) -> ListenError:
    """The error for a bind or listen that failed: what is wrong and what to do."""
    where = _address_text(address, port)
    if error.errno == errno.EADDRINUSE:
        return ListenError(
            f"{where} is in use by another process, perhaps another Holdfast; stop it, or choose another port (--port)"
        )
    if error.errno == errno.EACCES:
        return ListenError(f"no permission to listen on {where}; ports below 1024 are often reserved (--port)")
    return ListenError(f"cannot listen on {where}: {error.strerror}")


def _address_text(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
