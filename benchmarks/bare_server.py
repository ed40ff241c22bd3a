"""Bare server: the least that uvicorn and Starlette can serve, as a floor. Run as `python -m benchmarks.bare_server PORT`."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def alive(request: Request) -> PlainTextResponse:
    """Answer."""
    return PlainTextResponse("ok")


if __name__ == "__main__":
    app = Starlette(routes=[Route("/livez", alive)])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", ws="websockets-sansio")
