"""`holdfast login-link`: prints a link that logs a browser in at a server in local mode. It works once, for ten minutes."""

import argparse
import sys
import time

from server.auth.backends.local import FILE, read_token
from server.auth.login_codes import LASTS_S, login_link, new_code
from server.cli.options import FAILURE, USAGE, add_place, fail, settings_of
from server.config.loader import SettingsError
from server.config.settings import Settings
from server.util.private_files import PrivateFileError

OTHER_MODES = {
    "tokens": "users paste an API token, which `holdfast token add` makes",
    "oauth": "users log in at /auth/login",
    "bearer": "users paste a Hugging Face token",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast login-link`."""
    parser.description = (
        "Prints a link that logs a browser in at a server in mode `local`. The link works once, for "
        f"{LASTS_S // 60} minutes, and until the server is restarted. The server's token stays in its file."
    )
    add_place(parser)
    parser.add_argument("--port", type=int, metavar="N", help="the server's port (default: $PORT, else 7860)")


def main(args: argparse.Namespace) -> int:
    """Run the command; the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        settings = settings_of(args, {"server.port": args.port})
    except SettingsError as error:
        return fail(str(error), USAGE)
    refused = _refuse(settings)
    if refused is not None:
        return fail(refused, USAGE)
    path = settings.journal.folder / FILE
    if not path.exists():
        return fail(f"{path} is not there: the first start of a server with this data folder makes it", FAILURE)
    try:
        token = read_token(path)
    except PrivateFileError as fault:
        return fail(str(fault), FAILURE)
    print(login_link(_origin(settings), new_code(token, time.time())), flush=True)
    print(f"The link works once, for {LASTS_S // 60} minutes, at a server that runs now.", file=sys.stderr)
    return 0


def _refuse(settings: Settings) -> str | None:
    auth = settings.auth
    if auth.mode != "local":
        return f"auth.mode is {auth.mode!r}, which has no such links: {OTHER_MODES[auth.mode]}"
    if not auth.local_token:
        return f"the server asks for no token (auth.local_token): open {_origin(settings)}/"
    return "the server's port is not known: say it with --port" if settings.server.port == 0 else None


def _origin(settings: Settings) -> str:
    return settings.server.public_address or f"http://localhost:{settings.server.port}"
