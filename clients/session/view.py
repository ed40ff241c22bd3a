"""Views: whether a view is at rest, and a copy of it. Pure."""

import msgspec

from protocol.content import AssistantMessage
from protocol.view import View


def copy_of(view: View) -> View:
    """A view that `apply` to the given one does not change: messages are final, the lists and what is open are not."""
    opened = view.open_message
    return msgspec.structs.replace(
        view,
        messages=list(view.messages),
        open_message=None if opened is None else msgspec.structs.replace(opened),
        open_calls=[msgspec.structs.replace(call) for call in view.open_calls],
        queued=list(view.queued),
        usage=msgspec.structs.replace(view.usage),
    )


def last_answer(view: View) -> str:
    """The text of the model's newest message: what `turn_complete` has as `final_response`."""
    return next((one.text for one in reversed(view.messages) if isinstance(one, AssistantMessage)), "")


def at_rest(view: View) -> bool:
    """Whether nothing will happen until somebody says something: no turn runs, no input waits for one."""
    return view.state != "running" and not (view.queued and view.state == "idle")
