"""Options: the session's model and how long it thinks, as config options of the protocol. Pure."""

from collections.abc import Sequence
from typing import get_args

import msgspec

from clients.acp.rpc import INVALID_PARAMS, Failure, Message
from protocol.content import Effort
from protocol.submissions import SetModel

MODEL, EFFORT = "model", "effort"
DEFAULT_EFFORT = "default"
"""How an empty effort is called: a value of an option should not be empty."""

EFFORT_NAMES = {"": "As the model likes", "none": "None"}


class OfferedModel(msgspec.Struct, frozen=True):
    """A model that the server offers."""

    model: str
    label: str = ""


def options_of(models: Sequence[OfferedModel], model: str, effort: Effort) -> list[Message]:
    """The config options with these values; the current model is among the values even if the server does not list it."""
    listed = list(models) if any(one.model == model for one in models) else [*models, OfferedModel(model)]
    efforts: tuple[Effort, ...] = get_args(Effort)
    return [
        {
            "id": MODEL,
            "name": "Model",
            "category": "model",
            "type": "select",
            "currentValue": model,
            "options": [{"value": one.model, "name": one.label or one.model} for one in listed],
        },
        {
            "id": EFFORT,
            "name": "Reasoning effort",
            "category": "thought_level",
            "type": "select",
            "currentValue": effort or DEFAULT_EFFORT,
            "options": [
                {"value": one or DEFAULT_EFFORT, "name": EFFORT_NAMES.get(one, one.capitalize())} for one in efforts
            ],
        },
    ]


def chosen(params: Message, model: str, effort: Effort) -> SetModel:
    """The submission that sets an option, with the other as it is. Raises `Failure`."""
    option, value = params.get("configId"), params.get("value")
    if not isinstance(value, str) or not value:
        raise Failure(INVALID_PARAMS, "`value` is one of the option's values")
    if option == MODEL:
        return SetModel(model=value, reasoning_effort=effort)
    if option != EFFORT:
        raise Failure(INVALID_PARAMS, f"this session has no option {option!r}; it has `{MODEL}` and `{EFFORT}`")
    try:
        wanted = msgspec.convert("" if value == DEFAULT_EFFORT else value, Effort)
    except msgspec.ValidationError as error:
        raise Failure(INVALID_PARAMS, f"{value!r} is no reasoning effort") from error
    return SetModel(model=model, reasoning_effort=wanted)
