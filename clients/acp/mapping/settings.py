"""Settings: the session's model, how long it thinks, and its mode, as config options of the protocol. Pure."""

from collections.abc import Sequence
from typing import get_args

import msgspec

from clients.acp.dialects.v1 import V1
from clients.acp.rpc import INTERNAL_ERROR, INVALID_PARAMS, Failure, Message, RequestId, refusal, result, text_of
from protocol import events as ev
from protocol.content import Effort
from protocol.submissions import SetMode, SetModel
from protocol.view import View

MODEL, EFFORT, MODE = "model", "effort", "mode"
DEFAULT_EFFORT = "default"
"""How an empty effort is called: a value of an option should not be empty."""

EFFORT_NAMES = {"": "As the model likes", "none": "None"}


class OfferedModel(msgspec.Struct, frozen=True):
    """A model that the server offers."""

    model: str
    label: str = ""


class Offered(msgspec.Struct, frozen=True):
    """What the server lets its users choose from."""

    models: list[OfferedModel] = []
    modes: list[str] = []


class Values(msgspec.Struct, frozen=True):
    """What is chosen in a session."""

    model: str
    effort: Effort
    mode: str


class Settings:
    """The settings of one session, what the client was told of them, and its requests to change them."""

    def __init__(self, dialect: V1, offered: Offered) -> None:
        self._dialect = dialect
        self._offered = offered
        self._told: Values | None = None
        self._pending: dict[str, tuple[RequestId, SetModel | SetMode, bool]] = {}

    def body(self, view: View) -> Message:
        """What the answer to a request that opens the session says of the settings."""
        self._told = _values(view)
        options = self._dialect.config_options(options_of(self._offered, self._told))
        modes = self._dialect.modes(self._offered.modes, self._told.mode) if self._offered.modes else {}
        return {"configOptions": options, **modes}

    def choose(self, request_id: RequestId, params: Message, view: View, new_id: str) -> SetModel | SetMode:
        """The submission that sets an option. Raises `Failure`."""
        submission = msgspec.structs.replace(chosen(params, _values(view)), id=new_id)
        self._pending[new_id] = (request_id, submission, False)
        return submission

    def choose_mode(self, request_id: RequestId, params: Message, new_id: str) -> SetMode:
        """The submission for version 1's older request for a mode. Raises `Failure`."""
        submission = SetMode(id=new_id, mode=text_of(params, "modeId"))
        self._pending[new_id] = (request_id, submission, True)
        return submission

    def accepted(self, event: ev.Accepted, view: View) -> list[Message]:
        """The answer to the request that this submission came from."""
        request_id, submission, plain = self._pending.pop(event.submission_id, (None, None, False))
        if submission is None:
            return []
        values = _values(view) if self._told is None else self._told
        if isinstance(submission, SetMode):
            values = msgspec.structs.replace(values, mode=submission.mode)
        else:
            values = msgspec.structs.replace(values, model=submission.model, effort=submission.reasoning_effort)
        self._told = values
        options = self._dialect.config_options(options_of(self._offered, values))
        return [result(request_id, {} if plain else {"configOptions": options})]

    def refused(self, refused_id: str, code: str, message: str) -> list[Message]:
        """The answer to the request that this submission came from."""
        request_id, submission, _ = self._pending.pop(refused_id, (None, None, False))
        if submission is None:
            return []
        number = INVALID_PARAMS if code in ("mode_unknown", "unknown_model") else INTERNAL_ERROR
        return [refusal(request_id, Failure(number, message, {"code": code}))]

    def changed(self, event: ev.Event) -> list[Message]:
        """The updates for a change that the client was not told of."""
        told = self._told
        match event:
            case ev.ModelChanged() if told is not None:
                self._told = msgspec.structs.replace(told, model=event.model, effort=event.reasoning_effort)
            case ev.ModeChanged() if told is not None:
                self._told = msgspec.structs.replace(told, mode=event.mode)
        if self._told is None or self._told == told:
            return []
        options = self._dialect.config_options(options_of(self._offered, self._told))
        update = {"sessionUpdate": "config_option_update", "configOptions": options}
        mode = self._dialect.mode(self._told.mode) if isinstance(event, ev.ModeChanged) else []
        return [update, *mode]

    def fail(self, failure: Failure) -> list[Message]:
        """None of the requests will be answered by the server."""
        waiting, self._pending = self._pending, {}
        return [refusal(request_id, failure) for request_id, _, _ in waiting.values()]


def options_of(offered: Offered, values: Values) -> list[Message]:
    """The config options with these values; the current ones are among the choices even if the server does not list them."""
    models = offered.models
    if all(one.model != values.model for one in models):
        models = [*models, OfferedModel(values.model)]
    efforts: tuple[Effort, ...] = get_args(Effort)
    thinking = [(one or DEFAULT_EFFORT, EFFORT_NAMES.get(one, one.capitalize())) for one in efforts]
    options = [
        _select(MODEL, "Model", "model", values.model, [(one.model, one.label or one.model) for one in models]),
        _select(EFFORT, "Reasoning effort", "thought_level", values.effort or DEFAULT_EFFORT, thinking),
    ]
    if offered.modes:
        modes = list(dict.fromkeys([*offered.modes, values.mode]))
        options.append(_select(MODE, "Mode", "mode", values.mode, [(one, mode_name(one)) for one in modes]))
    return options


def mode_name(mode: str) -> str:
    """How a mode is shown."""
    return mode.replace("-", " ").replace("_", " ").capitalize()


def chosen(params: Message, values: Values) -> SetModel | SetMode:
    """The submission that sets an option, with the others as they are. Raises `Failure`."""
    option, value = params.get("configId"), text_of(params, "value")
    match option:
        case "model":
            return SetModel(model=value, reasoning_effort=values.effort)
        case "mode":
            return SetMode(mode=value)
        case "effort":
            try:
                effort = msgspec.convert("" if value == DEFAULT_EFFORT else value, Effort)
            except msgspec.ValidationError as error:
                raise Failure(INVALID_PARAMS, f"{value!r} is no reasoning effort") from error
            return SetModel(model=values.model, reasoning_effort=effort)
    raise Failure(INVALID_PARAMS, f"this session has no option {option!r}; it has `{MODEL}`, `{EFFORT}` and `{MODE}`")


def _values(view: View) -> Values:
    return Values(view.model, view.reasoning_effort, view.mode)


def _select(option: str, name: str, category: str, value: str, choices: Sequence[tuple[str, str]]) -> Message:
    listed = [{"value": one, "name": shown} for one, shown in choices]
    return {
        "id": option,
        "name": name,
        "category": category,
        "type": "select",
        "currentValue": value,
        "options": listed,
    }
