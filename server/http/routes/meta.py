"""Routes about the server itself: health, metrics, the schema documents, the configuration and the caller."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from server.http import schemas
from server.http.endpoints import JSON_OBJECT, Endpoint, Media
from server.http.requests import caller
from server.http.responses import json_response
from server.util.refusal import HTTPRefusal


class MetaRoutes:
    """Handlers of the routes about the server.

    `config` gives the answer of `GET /api/config`, for a caller with credentials (True) or without (False). `refusal`
    says why the server accepts no work now; empty if it does. `metrics` is None where metrics are off. `openapi` gives the OpenAPI document.
    """

    def __init__(
        self,
        config: Callable[[bool], schemas.Config],
        refusal: Callable[[], str],
        metrics: Callable[[], bytes] | None,
        openapi: Callable[[], dict[str, Any]],
    ) -> None:
        self._config = config
        self._refusal = refusal
        self._metrics = metrics
        self._openapi = openapi

    async def livez(self, request: Request) -> Response:
        """Check that the process answers."""
        return json_response(schemas.Status("ok"))

    async def readyz(self, request: Request) -> Response:
        """Check that the server accepts work; 503 while it stops, or has not reached its database for too long."""
        if why := self._refusal():
            return HTTPRefusal("unavailable", why).as_response()
        return json_response(schemas.Status("ready"))

    async def metrics(self, request: Request) -> Response:
        """Read the metrics in Prometheus text format."""
        if self._metrics is None:
            return HTTPRefusal("not_found", "metrics are switched off (metrics.enabled)").as_response()
        return Response(self._metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def schema(self, request: Request) -> Response:
        """Read the JSON Schema of the websocket's frames."""
        from protocol.spec.json_schema import json_schema  # few ask for it

        return json_response(json_schema())

    async def asyncapi(self, request: Request) -> Response:
        """Read the AsyncAPI 3 document of the websocket."""
        from protocol.spec.asyncapi import asyncapi  # few ask for it

        return json_response(asyncapi())

    async def openapi(self, request: Request) -> Response:
        """Read the OpenAPI 3.1 document of the HTTP routes."""
        return json_response(self._openapi())

    async def config(self, request: Request) -> Response:
        """Read what the server offers, and who the caller is; without credentials, only how to log in."""
        if "principal" not in request.scope["state"]:
            return json_response(self._config(False))
        return json_response(msgspec.structs.replace(self._config(True), user=_who(request)))

    async def me(self, request: Request) -> Response:
        """Read who the caller is."""
        return json_response(_who(request))


def _who(request: Request) -> schemas.Me:
    principal = caller(request)
    return schemas.Me(principal.user_id, principal.name, sorted(principal.rights), principal.expires_at)


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/livez",
        needs="nothing",
        handler=MetaRoutes.livez,
        name="livez",
        answers={200: schemas.Status},
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        needs="nothing",
        handler=MetaRoutes.readyz,
        name="readyz",
        answers={200: schemas.Status},
        refusals=(503,),
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        needs="metrics",
        handler=MetaRoutes.metrics,
        name="metrics",
        answers={200: Media("text/plain", {"type": "string"})},
        refusals=(404,),
    ),
    Endpoint(
        method="GET",
        path="/schema.json",
        needs="nothing",
        handler=MetaRoutes.schema,
        name="schema",
        answers={200: JSON_OBJECT},
    ),
    Endpoint(
        method="GET",
        path="/asyncapi.json",
        needs="nothing",
        handler=MetaRoutes.asyncapi,
        name="asyncapi",
        answers={200: JSON_OBJECT},
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        needs="nothing",
        handler=MetaRoutes.openapi,
        name="openapi",
        answers={200: JSON_OBJECT},
    ),
    Endpoint(
        method="GET",
        path="/api/config",
        needs="optional",
        handler=MetaRoutes.config,
        name="config",
        answers={200: schemas.Config},
    ),
    Endpoint(method="GET", path="/api/me", needs="anyone", handler=MetaRoutes.me, name="me", answers={200: schemas.Me}),
)
