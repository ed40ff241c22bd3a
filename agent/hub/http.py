"""Set-up of huggingface_hub: silences the library and holds its HTTP client to the bounds of the current call (request.py).

Its functions take no timeout, retry by themselves with sleeps, and share one client for the whole process. That client
gets hooks here. In threads that have no call of ours they do nothing.
"""

import functools
import importlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from agent.hub.errors import AnswerTooLarge, CallStopped, HubError, HubRefusal, NotReached, refusal_text
from agent.hub.request import CURRENT_CALL, HubCall

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses on which the library would sleep and retry; here the caller gets the error instead."""

log = logging.getLogger("holdfast.tools")

_LATE = "the Hub did not answer in time; the request may have been carried out"

_lock = threading.Lock()


def prepare() -> None:
    """Import the library and add the hooks; once. The import takes long: do not call this on the event loop."""
    with _lock:
        _prepare()


@functools.cache
def _prepare() -> None:
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # exported without saying so
    from huggingface_hub.utils._http import default_client_factory
    from huggingface_hub.utils.logging import set_verbosity_error

    disable_progress_bars()
    set_verbosity_error()  # type: ignore[no-untyped-call]  # its warnings are in results too; it would write past our log
    stream_class = _stream_class()

    def create_client() -> Any:
        client = default_client_factory()
        hooks = client.event_hooks
        client.event_hooks = {
            "request": [*hooks["request"], before_request],
            "response": [*hooks["response"], functools.partial(after_response, stream_class)],
        }
        return client

    set_client_factory(create_client)


def http_library() -> Any:
    """The HTTP library under this version of huggingface_hub: httpx, or httpx2 from 2.0 on."""
    from huggingface_hub.errors import HfHubHTTPError

    return importlib.import_module(HfHubHTTPError.__bases__[0].__module__.partition(".")[0])


def _stream_class() -> type:
    class Bounded(http_library().SyncByteStream):  # type: ignore[misc]  # the base is known at run time alone
        """An answer's bytes, within the bounds of its call."""

        def __init__(self, inner: Any, call: HubCall) -> None:
            self._inner = inner
            self._call = call

        def __iter__(self) -> Iterator[bytes]:
            yield from self._call.pieces(self._inner)

        def close(self) -> None:
            self._call.release()
            self._inner.close()

    return Bounded


def before_request(request: Any) -> None:
    """Hook: give the request the call's timeouts, and forbid compression, which hides sizes.

    Raises RuntimeError if the request carries another token than the owner's.
    """
    call = CURRENT_CALL.get()
    if call is not None:
        timeouts = request.extensions.get("timeout") or {}
        call.admit(request.headers.get("authorization"))
        call.attempt(request.method, str(request.url))
        request.extensions = {**request.extensions, "timeout": call.bounded(timeouts)}
        request.headers["accept-encoding"] = "identity"


def after_response(stream_class: type, response: Any) -> None:
    """Hook: bound the answer's body. Raises HfHubHTTPError for a status on which the library would wait and retry."""
    call = CURRENT_CALL.get()
    if call is None:
        return
    call.answered()
    response.stream = stream_class(response.stream, call)
    call.hold(response.extensions.get("network_stream"))
    if response.status_code in RETRIED:
        from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # exported without saying so

        response.read()
        hf_raise_for_status(response)


def call_api(call: HubCall, endpoint: str, work: "Callable[[HfApi], T]") -> T:
    """Run `work` in this thread with an `HfApi` that has the call's token and no other. Raises HubError.

    `endpoint`: empty for the library's own. Without a token requests are anonymous.
    """
    prepare()
    from huggingface_hub import HfApi

    try:
        return call.do(lambda: work(HfApi(endpoint=endpoint or None, token=call.token or False)))
    except Exception as error:
        hub_error = error_from(call, error)
        if hub_error is None:
            raise
        raise hub_error from None


def error_from(call: HubCall, error: BaseException) -> HubError | None:
    """The HubError for what a call raised; None for an error that is neither the Hub's nor the network's."""
    from huggingface_hub.errors import HfHubHTTPError

    match error:
        case HfHubHTTPError():
            return refusal_from(error, known=call.token is not None)
        case CallStopped():
            return HubError(_LATE)
        case NotReached():
            return HubError(f"the Hub {'broke off' if call.broken else 'cannot be reached'}: try again")
        case AnswerTooLarge():
            return HubError("the Hub's answer is too large to be taken: ask for less")
        case RuntimeError() if error.__cause__ is not None:  # the library wraps what befalls the upload of a large file
            return error_from(call, error.__cause__)
        case ValueError() | KeyError() | TypeError() | AttributeError():  # what its parsers raise at a strange answer
            log.warning("an answer of the Hub cannot be understood", exc_info=error)
            return HubError(f"the Hub's answer cannot be understood ({type(error).__name__})")
    if isinstance(error, http_library().HTTPError):
        late = call.stopped or call.left_s <= 0
        return HubError(
            _LATE if late else f"the Hub cannot be reached, or broke off ({type(error).__name__}): try again"
        )
    return None


def refusal_from(error: Any, *, known: bool) -> HubError:
    """The HubError for an HfHubHTTPError. `known`: the request carried the owner's token."""
    from huggingface_hub import errors

    missing = isinstance(
        error, errors.RepositoryNotFoundError | errors.RevisionNotFoundError | errors.EntryNotFoundError
    )
    response = error.response
    wait_s = response.headers.get("retry-after", "") if response.status_code == 429 else ""
    kind = HubRefusal if response.status_code < 500 else HubError
    return kind(
        refusal_text(
            response.status_code,
            error.server_message,
            missing=missing,
            gated=isinstance(error, errors.GatedRepoError),
            wait_s=wait_s if wait_s.isdigit() else "",
            known=known,
        )
    )
