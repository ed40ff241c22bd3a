"""Place: where the Holdfast server is, and the token for it: as the command line says, or the user's own server, which is started."""

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from clients.acp.rpc import AUTH_REQUIRED, INTERNAL_ERROR, Failure
from clients.session import own_server
from clients.session.client import Place
from clients.session.token_file import NoToken
from clients.terminal import credentials
from protocol.runtime_file import ServerPlace, read_runtime_file, user_data_folder

DEFAULT_URL = "http://127.0.0.1:7860"

Locate = Callable[[], Awaitable[Place]]
"""Gives the server's place as it is now; it may be another after a restart. Raises `Failure`."""


def locator(
    url: str | None, token_file: Path | None, data: Path | None, *, start: bool, environ: Mapping[str, str] = os.environ
) -> Locate:
    """Finds the server at `url`; else that of the data folder `data`; else the user's own, which is started if `start` says so."""
    if data is None and environ.get(credentials.DATA_VARIABLE):
        data = Path(environ[credentials.DATA_VARIABLE])

    async def locate() -> Place:
        if url is not None:
            return Place(url, _token(url, token_file, data, environ))
        if data is not None:
            found = read_runtime_file(data.expanduser())
            there = DEFAULT_URL if found is None else found.url
            return Place(there, _token(there, token_file, data, environ))
        return _own_place(await _own(environ, start=start), token_file)

    return locate


async def _own(environ: Mapping[str, str], *, start: bool) -> ServerPlace:
    found = own_server.find(environ)
    if found is not None:
        return found
    if not start:
        why = f"no Holdfast server of yours runs (data folder {user_data_folder(environ)}); start it with `holdfast serve --own`"
        raise Failure(INTERNAL_ERROR, why, {"code": "no_server"})
    try:
        return await own_server.find_or_start(environ)
    except own_server.CannotStart as error:
        raise Failure(INTERNAL_ERROR, str(error), {"code": "no_server"}) from error


def _own_place(found: ServerPlace, token_file: Path | None) -> Place:
    file = token_file or (None if found.token_file is None else Path(found.token_file))
    return Place(found.url, None if file is None else _token(found.url, file, None, {}))


def _token(url: str, token_file: Path | None, data: Path | None, environ: Mapping[str, str]) -> str | None:
    try:
        return credentials.find_token(url, token_file, data, environ)
    except NoToken as error:
        raise Failure(AUTH_REQUIRED, str(error)) from error
