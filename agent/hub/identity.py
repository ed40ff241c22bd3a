"""Token identity: looks up whose Hub token this is. Blocks; call it in a thread."""

import msgspec

from agent.hub.errors import NotReached


class HubIdentity(msgspec.Struct, frozen=True):
    """A user of the Hub. `user_id` stays the same when the user takes another name."""

    user_id: str
    name: str


class TokenRejected(Exception):
    """The Hub rejects the token, or it belongs to no user (but to an organization)."""


class HubUnreachable(Exception):
    """The Hub does not answer, or not as it should; the message says how, without the token."""


def whoami(token: str, endpoint: str, timeout_s: float) -> HubIdentity:
    """Whose token this is, by `GET /api/whoami-v2` at `endpoint` (empty: `HF_ENDPOINT`). Raises TokenRejected and HubUnreachable.

    The same request as `HfApi.whoami`, which has no timeout.
    """
    from agent.hub.http import http_library, prepare

    prepare()  # before anybody uses the library's client, which this replaces
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # it exports them without saying so
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    try:
        url = f"{HfApi(endpoint=endpoint or None).endpoint}/api/whoami-v2"
        response = get_session().get(url, headers=build_hf_headers(token=token), timeout=timeout_s)
        hf_raise_for_status(response)
        body = response.json()
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403):
            raise TokenRejected(f"the Hub refused the token ({status})") from None
        raise HubUnreachable(f"the Hub answered {status}") from None
    except (http_library().HTTPError, http_library().InvalidURL, NotReached, ValueError) as error:
        raise HubUnreachable(f"the Hub cannot be reached: {type(error).__name__}") from None
    if not isinstance(body, dict):
        raise HubUnreachable("the Hub's answer cannot be understood")
    user_id, name = body.get("id"), body.get("name")
    if body.get("type") != "user" or not isinstance(user_id, str) or not isinstance(name, str):
        raise TokenRejected("the token belongs to no user")
    return HubIdentity(user_id, name)
