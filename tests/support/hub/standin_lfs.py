"""Stand-in for the Hub's large files by the git-lfs batch API: uploads, and what was uploaded."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.support.hub.repo_store import RepoFault


class StandinLfs:
    """`enabled`: files called `*.bin` go this way, as the repositories' `.gitattributes` says. `url`: where this Hub is."""

    def __init__(self, url: Callable[[], str]) -> None:
        self.enabled = False
        self.objects: dict[str, bytes] = {}
        self._url = url

    def mode(self, path: str) -> str:
        """How a file is to be sent."""
        return "lfs" if self.enabled and path.endswith(".bin") else "regular"

    def routes(self) -> list[BaseRoute]:
        """The batch API, and a store that takes bytes from whoever has the address, as object stores do."""
        batch = [
            Route(f"{prefix}/{{owner}}/{{name}}.git/info/lfs/objects/batch", self._batch, methods=["POST"])
            for prefix in ("/datasets", "/spaces", "")
        ]
        return [*batch, Route("/object-store/{oid}", self._put, methods=["PUT"])]

    def whole(self, operation: dict[str, Any]) -> dict[str, Any]:
        """A commit's operation with the file's bytes in it. Raises `RepoFault` if they never came."""
        if operation["key"] != "lfsFile":
            return operation
        value = operation["value"]
        if value["oid"] not in self.objects:
            raise RepoFault(400, f"The file {value['path']} was not uploaded")
        content = base64.b64encode(self.objects[value["oid"]]).decode()
        return {"key": "file", "value": {"path": value["path"], "content": content}}

    async def _batch(self, request: Request) -> Response:
        objects = (await request.json())["objects"]
        return JSONResponse(
            {
                "transfer": "basic",
                "objects": [
                    {**one, "actions": {"upload": {"href": f"{self._url()}/object-store/{one['oid']}"}}}
                    for one in objects
                ],
            }
        )

    async def _put(self, request: Request) -> Response:
        data = await request.body()
        if hashlib.sha256(data).hexdigest() != request.path_params["oid"]:
            return JSONResponse({"error": "these are other bytes"}, 400)
        self.objects[request.path_params["oid"]] = data
        return Response()
