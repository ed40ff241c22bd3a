"""Browser login: what a browser keeps of the answer of a login, as headers of a request or of a websocket."""

import httpx


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    """The cookie alone, which every port of this machine gets."""
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def headers_of(answer: httpx.Response) -> dict[str, str]:
    """The cookie and its origin key."""
    return {**cookie_of(answer), "Holdfast-Key": answer.json()["key"]}
