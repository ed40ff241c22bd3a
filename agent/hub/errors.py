"""Why the Hub did not do it, in words for the model: what went wrong, and what to do. No token, no traceback."""

from agent.util.errors import ToolError
from agent.util.text import one_line

LOGIN_NEEDED = (
    "no Hugging Face token of the session's owner is known, and the server's own is never used: "
    "the owner has to log in with Hugging Face"
)
_SAID_CHARS = 300


class HubError(ToolError):
    """Why it could not be done, in words for the model."""


class HubRefusal(HubError):
    """The same, and it is known that nothing was done."""


class CallStopped(Exception):
    """The call is no longer wanted, or its time is over."""


class AnswerTooLarge(Exception):
    """The answer is larger than what is taken."""


def refusal_text(status: int | None, said: str | None, *, missing: bool, gated: bool, wait_s: str, known: bool) -> str:
    """A refusal of the Hub in words.

    `status`: of its HTTP answer. `said`: its own words. `missing`: it says that there is no such repository, file,
    revision or job, or none that this owner may see. `gated`: the owner has to ask for access first. `wait_s`: how long it
    wants us to wait, or empty. `known`: it was asked with the owner's token.
    """
    if gated:
        words = "access has to be asked for first: the owner does that on the repository's page"
    elif missing and status == 401 and known:
        words = (
            "there is no such repository, or the owner's token is no longer good: check the name; if it is right, "
            "the owner has to log in with Hugging Face again"
        )
    elif missing or status == 404:
        hidden = "" if known else "; nobody is logged in, and private ones are shown to their owners alone"
        words = f"there is no such thing there, or it is private{hidden}: check the name, the type and the revision"
    elif status == 401:
        words = "it does not take the owner's token: the owner has to log in with Hugging Face again"
        words = words if known else LOGIN_NEEDED
    elif status == 402:
        words = "it wants to be paid: the owner needs credit or another plan"
    elif status == 403:
        words = "the owner's token may not do that: it needs another scope, or the owner a right in that organization"
    elif status == 409:
        words = "it is there already, or somebody else changed it meanwhile"
    elif status == 413:
        words = "that is too large for it"
    elif status == 429:
        words = f"too many requests: wait {wait_s} s" if wait_s else "too many requests: wait a few minutes"
    elif status is not None and status >= 500:
        words = "it has a fault of its own or is overloaded: try again in a while"
    else:
        words = "it did not take the request"
    quoted = f"; it says: {one_line(said, _SAID_CHARS)!r}" if said else ""
    return f"the Hub refused ({status}): {words}{quoted}"
