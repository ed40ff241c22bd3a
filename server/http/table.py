"""Endpoint table: every HTTP endpoint of the server, and what is made of the table."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from starlette.routing import BaseRoute, Route

from server.auth.authorization import Need, Rule
from server.http import web
from server.http.endpoints import Endpoint
from server.http.routes import (
    admin,
    ag_ui,
    files,
    forks,
    instructions,
    listed,
    login,
    mcp,
    meta,
    oauth,
    openai,
    sessions,
    shares,
    tickets,
    upgrade,
)

TABLE: Final[Mapping[type, Sequence[Endpoint]]] = {
    web.PageRoutes: web.ENDPOINTS,
    web.StaticRoutes: web.STATIC_ENDPOINTS,
    meta.MetaRoutes: meta.ENDPOINTS,
    sessions.SessionRoutes: sessions.ENDPOINTS,
    forks.ForkRoutes: forks.ENDPOINTS,
    instructions.InstructionRoutes: instructions.ENDPOINTS,
    listed.ListedRoutes: listed.ENDPOINTS,
    files.FileRoutes: files.ENDPOINTS,
    mcp.McpRoutes: mcp.ENDPOINTS,
    shares.ShareRoutes: shares.ENDPOINTS,
    admin.AdminRoutes: admin.ENDPOINTS,
    login.LoginRoutes: login.ENDPOINTS,
    oauth.OauthRoutes: oauth.ENDPOINTS,
    tickets.TicketRoutes: tickets.ENDPOINTS,
    upgrade.UpgradeRoutes: upgrade.ENDPOINTS,
    ag_ui.AgUiRoutes: ag_ui.ENDPOINTS,
    openai.OpenaiRoutes: openai.ENDPOINTS,
}
"""The endpoints by the class of their handlers."""
ENDPOINTS: Final = tuple(endpoint for endpoints in TABLE.values() for endpoint in endpoints)


def starlette_routes(handlers: Iterable[object]) -> list[BaseRoute]:
    """The routes of Starlette for these instances of the classes in the table."""
    return [
        Route(endpoint.path, endpoint.handler.__get__(instance), methods=[endpoint.method])
        for instance in handlers
        for endpoint in TABLE[type(instance)]
    ]


def access_rules() -> list[Rule]:
    """What each path needs. All methods of a path need the same."""
    needs: dict[str, Need] = {}
    for endpoint in ENDPOINTS:
        if needs.setdefault(endpoint.path, endpoint.needs) != endpoint.needs:
            raise ValueError(f"{endpoint.method} {endpoint.path} needs something else than the path's other methods")
    by_link = {endpoint.path for endpoint in ENDPOINTS if endpoint.by_link}
    return [Rule(path, need, path in by_link) for path, need in needs.items()]


@cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI document of the server."""
    from server.http import openapi  # few ask for it

    return openapi.openapi(ENDPOINTS)
