"""Tool calls as models write them: reads their arguments and makes their names safe for every provider."""

import re

import msgspec

from protocol.codec import DECODE_ERRORS, check_plain

MAX_ID_CHARS = 512
MAX_NAME_CHARS = 64
CUT = "the message was cut by the output limit in the middle of this call; write the call again, shorter or in several parts"
UNSOUND_NAME = re.compile(r"[^a-zA-Z0-9_-]")
"""Characters that providers refuse in the name of a call when the history is sent to them again."""


class Unreadable(ValueError):
    """The arguments of a call cannot be read. The message is for the model and says why."""


def read_arguments(written: str, cut_short: bool = False) -> dict[str, object]:
    """Decode the JSON object that a model wrote as a call's arguments.

    `cut_short`: the output limit ended the message in this call. Raises `Unreadable`.
    """
    if cut_short and not written.strip():
        raise Unreadable(CUT)
    try:
        whole = written.strip()
        arguments = msgspec.json.decode("{}" if whole in ("", "null") else whole, type=dict[str, object])
        check_plain(arguments)
    except (*DECODE_ERRORS, ValueError) as error:
        why = CUT if cut_short else f"the arguments are not a JSON object ({error}); write the call again"
        raise Unreadable(why) from error
    return arguments


def sound_name(name: str) -> str:
    """The name with each character that a provider refuses replaced by `_`, and not longer than providers take."""
    return UNSOUND_NAME.sub("_", name)[:MAX_NAME_CHARS] or "unnamed"
