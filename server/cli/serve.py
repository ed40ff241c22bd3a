"""`holdfast serve`: runs the server, and tells people and programs on this machine where it is."""

import argparse
import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from agent.util.garbage import kept_for_good
from protocol.runtime_file import TOKEN, RuntimeFile, ServerPlace, read_runtime_file
from server import __version__
from server.cli.options import FAILURE, USAGE, fail, settings_of

if TYPE_CHECKING:
    from socket import socket

    from agent.models import ModelChoice
    from server.auth.backends.base import AuthBackend
    from server.config.settings import Settings

OTHER_UP_S: Final = 20.0
"""How long `--own` waits for another server of the same folder to come up, which has begun to start."""


def main(args: argparse.Namespace) -> int:
    """Run the server until a signal."""
    with kept_for_good():
        from server.config.loader import SettingsError
        from server.telemetry import logs
        from server.telemetry.secrets import KnownSecrets
        from server.transport import listeners

        try:
            listeners.refuse_workers(os.environ)
            settings = _settings(args)
            if args.own and (other := read_runtime_file(settings.journal.folder)) is not None:
                return _runs_already(other)
            logs.set_up(settings.server, settings.nodes.called if settings.nodes.several else "")
            secrets = KnownSecrets(settings, os.environ)
            logs.redact(secrets)
            sockets = (
                listeners.open_sockets(settings) if args.fd is None else [listeners.adopt_socket(args.fd, settings)]
            )
        except SettingsError as error:
            return fail(str(error), USAGE)
        except listeners.ListenError as error:
            return fail(str(error), FAILURE)

        from server.app import build_app
        from server.journal.base import JournalError
        from server.journal.errors import FolderInUse
        from server.transport.server import run
        from server.util.private_files import PrivateFileError

        app = build_app(settings, known=secrets)
    at_end: list[RuntimeFile] = []

    def announce() -> None:
        backend = app.state.running.authenticator.backend
        try:
            at_end.append(RuntimeFile(settings.journal.folder, place_of(sockets, backend, settings.journal.folder)))
        except OSError as error:
            fail(f"clients will not find this server by its data folder: {error}", 0)
        public = settings.server.public_address
        first = announcement(sockets, settings.model.model, app.state.parts.choice, public)
        print("\n".join([first, *invitation(listeners.local_port(sockets), backend, public)]), flush=True)

    def remove() -> None:
        for runtime in at_end:
            try:
                runtime.remove()
            except OSError as error:
                fail(f"the file that names this server stays, and clients ignore it: {error}", 0)

    try:
        run(app, settings, sockets, announce, remove)
    except FolderInUse as error:
        other = _other_server(settings.journal.folder) if args.own else None
        return fail(str(error), FAILURE) if other is None else _runs_already(other)
    except (PrivateFileError, JournalError, SettingsError, listeners.ListenError) as error:
        return fail(str(error), FAILURE)


def _settings(args: argparse.Namespace) -> "Settings":
    """The settings of this start. Raises `SettingsError`.

    A user's own server takes any free port, and its sessions may work in the folders below the home folder.
    """
    options = {
        "server.host": args.host,
        "server.port": 0 if args.own and args.port is None else args.port,
        "server.log_level": args.log_level,
        "model.model": args.model,
        "auth.local_token": False if args.no_token else None,
    }
    settings = settings_of(args, options)
    if args.own and not settings.workspace.roots:
        workspace = msgspec.structs.replace(settings.workspace, roots=["~"])
        settings = msgspec.structs.replace(settings, workspace=workspace)
    return settings


def _other_server(folder: Path) -> ServerPlace | None:
    """The server that has this folder, as soon as it is up."""
    until = time.monotonic() + OTHER_UP_S
    while (other := read_runtime_file(folder)) is None and time.monotonic() < until:
        time.sleep(0.05)
    return other


def _runs_already(other: ServerPlace) -> int:
    print(f"{other.server} runs already, at {other.url} (process {other.pid})", flush=True)
    return 0


def place_of(sockets: "list[socket]", backend: "AuthBackend", folder: Path) -> ServerPlace:
    """Where this server is, for clients on this machine."""
    from server.auth.backends.local import LocalBackend
    from server.transport import listeners
    from server.websocket.connection import SERVER

    token = str(folder.absolute() / TOKEN) if isinstance(backend, LocalBackend) else None
    return ServerPlace(url=listeners.urls(sockets)[0], token_file=token, pid=os.getpid(), server=SERVER)


def announcement(sockets: "list[socket]", configured: str, choice: "ModelChoice", public: str = "") -> str:
    """The line that is printed when the server listens: its address and its model (`configured`, or chosen).

    `public`: where browsers reach it through a proxy, or empty.
    """
    from server.transport import listeners

    model = choice.model
    if choice.demo and not configured.strip():
        model += " - no model credentials found; set OPENAI_API_KEY, ANTHROPIC_API_KEY, HF_TOKEN ... or use --model"
    where = f"{listeners.urls(sockets)[0]}, for browsers at {public}" if public else listeners.urls(sockets)[0]
    return f"Holdfast {__version__} listening on {where} (model: {model})"


def invitation(port: int | None, backend: "AuthBackend", public: str = "") -> list[str]:
    """The lines that show how to connect. A link to log in is printed by the start that made the token.

    `public`: where browsers reach the server through a proxy; empty: on this machine, at `port`. No lasting secret is
    printed: a service's output is kept in the system's log.
    """
    from server.auth.backends.local import LocalBackend, NoTokenBackend
    from server.auth.login_codes import LASTS_S, login_link

    if port is None:
        return []
    address = public or f"http://localhost:{port}"
    wscat = f"Try it: wscat -c {address.replace('http', 'ws', 1)}/ws"
    if isinstance(backend, NoTokenBackend):
        return [wscat]
    if not isinstance(backend, LocalBackend):
        return [f'{wscat} -H "Authorization: Bearer TOKEN"']
    wscat_with_token = f'{wscat} -H "Authorization: Bearer $(cat {shlex.quote(str(backend.path))})"'
    again = shlex.join(["holdfast", "login-link", "--data", str(backend.path.parent), "--port", str(port)])
    if not backend.made:
        return [f"To log in with a browser: {again}", wscat_with_token]
    link = login_link(address, backend.new_code())
    return [
        f"Open: {link}",
        f"The link works once, for {LASTS_S // 60} minutes; for another: {again}",
        wscat_with_token,
    ]
