"""Elsewhere: two servers on one database, of which one has the sockets and the other runs the sessions."""

import contextlib
from collections.abc import AsyncIterator

import msgspec

from server.config.settings import Settings
from server.journal.nodes.settings import NodesSettings
from server.sessions.manager import SessionManager
from server.sessions.ports.port import SessionPort

SECRET = "the same at each of the servers of a test"


def of_several(settings: Settings, name: str, folder: str) -> Settings:
    """These settings, for one of several servers, with its own data below `folder`, and the files in it."""
    return msgspec.structs.replace(
        settings,
        journal=msgspec.structs.replace(settings.journal, data=f"{folder}/{name}"),
        nodes=NodesSettings(several=True, lease_s=30.0, name=name),
        auth=settings.auth if settings.auth.secret else msgspec.structs.replace(settings.auth, secret=SECRET),
        workspace=msgspec.structs.replace(settings.workspace, place="shared", shared_folder=folder),
    )


def makes_them_elsewhere(here: SessionManager, there: SessionManager) -> None:
    """Whoever asks for a new session here gets one that the other server runs."""

    @contextlib.asynccontextmanager
    async def attach_new(user_id: str) -> AsyncIterator[SessionPort]:
        session_id = await there.create_session(user_id)
        async with here.attach((await here.registry.open(session_id)).row) as port:
            yield port

    here.attach_new = attach_new  # type: ignore[method-assign]  # what the double is for
