"""Uploads: images that come inside of a message are put into the session's workspace, where the model is shown them from."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

from agent.util.executors import WorkExecutor
from agent.util.places import Holder
from agent.workspace.paths import InWorkspace, WorkspaceError
from agent.workspace.workspace import Workspace
from server.http.compatible.messages import Image
from server.http.requests import bad_request
from server.journal.base import SessionRow
from server.sessions.storage import StorageAccount

IN_A_PROJECT = "the session works in a project folder, which gets no files of ours: put the image there, and name it"


class Uploads:
    """Writes files. `workspace` gives the workspace of the session of a row; `disk`: the threads for it."""

    def __init__(
        self, workspace: Callable[[SessionRow], Workspace], disk: WorkExecutor, storage: StorageAccount
    ) -> None:
        self._workspace = workspace
        self._disk = disk
        self._storage = storage

    async def put(self, row: SessionRow, images: Sequence[Image]) -> None:
        """Write the images. Raises `RequestRefused`, `JournalError`, `PlacesTaken`."""
        workspace = self._workspace(row)
        if not workspace.counted:
            raise bad_request(IN_A_PROJECT)
        most = workspace.limits.upload_bytes_max
        disk = self._disk.of(Holder(row.user_id, row.session_id))
        async with self._storage.writing(row, sum(len(image.data) for image in images)):
            for image in images:
                write = partial(workspace.write, image.path, image.data, stop=threading.Event(), most=most, fresh=True)
                try:
                    await disk.run(write)
                except InWorkspace:  # the message was sent before, and came no further
                    continue
                except WorkspaceError as error:
                    raise bad_request(f"an image cannot be kept: {error}") from error
