"""Demo model: chooses its answer by plain words in the conversation. Pure; no key, no network, no LiteLLM."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Message = Mapping[str, object]

TOKEN_MS = 20.0
"""Milliseconds between two words: about as fast as people see models write."""

NOT_A_MODEL = "I am Holdfast's demo model: no key, no network, and no intelligence."
MENU = (
    "Say one of these words to see what it does: **plan** (a plan that I keep), **run** (a command in the sandbox, its "
    "output as it comes), **delete** (a command that asks for your approval), **write**, **edit**, **read** or **list** "
    "(the files of this session), **both** (two calls in one message), **think** (reasoning first), **long** (about 2,000 "
    "words), **slow** (time enough to interrupt me, or to cut the connection), **error** (a failure of the model)."
)
BROKEN = "This is the failure you asked for"
_FILE = "holdfast-demo.txt"
_QUOTED_CHARS = 400
_STEPS = f'for n in 1 2 3 4 5; do echo "step $n of 5" | tee -a {_FILE}; sleep 0.4; done'
_NO_SHELL = (
    "I would run a command now, but this session offers me no `bash`: no sandbox starts on this server, or its config "
    "turns commands off. `holdfast doctor` says why, and what to do."
)


@dataclass(frozen=True)
class DemoReply:
    """One answer. `pace`: factor on the gap between words; `fails`: fail after the text."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, dict[str, object]], ...] = ()
    pace: float = 1.0
    fails: bool = False


def reply_to(messages: Sequence[Message], tools: Sequence[Mapping[str, object]]) -> DemoReply:
    """The answer to these chat messages. It calls only tools that are offered."""
    offered = _offered(tools)
    first, last = messages[0], messages[-1]
    if first.get("role") == "system" and re.search(r"\bsummari[sz]e", _text(first)[:60]):
        return _summary(messages)
    if last.get("role") == "tool":
        return _after_results(messages)
    prompt = _text(last).rpartition("\n\n")[2]
    if re.search(r"\bsummar", prompt, re.IGNORECASE):
        return _summary(messages)
    for pattern, answer in _ANSWERS:
        if re.search(pattern, prompt, re.IGNORECASE):
            return answer(prompt, offered)
    return DemoReply(f"Hello! {NOT_A_MODEL} Everything else is real: the stream, the tools, the approvals.\n\n{MENU}")


def count_tokens(messages: Sequence[Message]) -> int:
    """About how many tokens these messages are, four bytes to one."""
    return sum(4 + len(json.dumps(message)) // 4 for message in messages)


def _offered(tools: Sequence[Mapping[str, object]]) -> dict[str, set[str]]:
    """Names of the tools, with the names of their parameters."""
    result: dict[str, set[str]] = {}
    for tool in tools:
        function = tool.get("function")
        if isinstance(function, Mapping):
            parameters = function.get("parameters")
            properties = parameters.get("properties", {}) if isinstance(parameters, Mapping) else {}
            result[str(function.get("name"))] = set(properties)
    return result


def _text(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _file(prompt: str) -> str:
    named = re.search(r"[\w./-]*\w\.\w{1,8}\b", prompt)
    return named[0] if named else _FILE


def _call(name: str, prompt: str) -> tuple[str, dict[str, object]]:
    quoted = re.search(r'["“](.+?)["”]', prompt, re.DOTALL)
    content = quoted[1] if quoted else "Written by Holdfast's demo model.\n"
    arguments: dict[str, dict[str, object]] = {
        "write": {"path": _file(prompt), "content": content},
        "read": {"path": _file(prompt)},
        "edit": {"path": _file(prompt), "old_string": "Written by", "new_string": "Edited by"},
        "list": {"path": "."},
        "plan": {
            "items": [
                {"text": "Find out what is wanted", "status": "completed"},
                {"text": "Show a plan", "status": "in_progress"},
                {"text": "Say goodbye politely", "status": "pending"},
            ]
        },
    }
    return name, arguments[name]


def _use(names: tuple[str, ...], text: str, prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    usable = [name for name in names if name in offered]
    if not usable:
        return DemoReply(f"I would call {' or '.join(names)} now, but this session offers me no such tool.")
    calls = []
    for name in usable:
        _, arguments = _call(name, prompt)
        calls.append((name, {key: value for key, value in arguments.items() if key in offered[name]}))
    return DemoReply(text, calls=tuple(calls))


def _plan(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    return _use(("plan",), "I make a plan and keep it where you can see it.", prompt, offered)


def _write(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    return _use(("write",), "I write a file into the workspace.", prompt, offered)


def _edit(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    return _use(("edit",), "I edit the file that I wrote.", prompt, offered)


def _run(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    return _shell(_STEPS, "I run a command in the sandbox. Its output comes while it runs.", offered)


def _delete(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    return _shell(f"rm {_FILE}", "I would like to delete a file. You decide whether I may.", offered)


def _shell(command: str, text: str, offered: Mapping[str, set[str]]) -> DemoReply:
    if "bash" not in offered:
        return DemoReply(_NO_SHELL)
    return DemoReply(text, calls=(("bash", {"command": command}),))


def _read(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    return _use(("read",), "I read a file of the workspace.", prompt, offered)


def _list(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    return _use(("list",), "I look into the workspace.", prompt, offered)


def _both(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    two = [name for name in ("list", "write", "plan", "read") if name in offered][:2]
    return _use(tuple(two) or ("list", "write"), "Two calls at once.", prompt, offered)


def _think(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    reasoning = (
        "I was asked to think. What does a demo model think about? That a socket may go at any time, that whoever comes "
        "back should find every word in its place, and that this thought, too, is an event with a number."
    )
    return DemoReply("I have thought about it: everything that you see was stored before you saw it.", reasoning)


def _long(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    knots = ("anchor", "bowline", "capstan", "davit", "fairlead", "gangway", "halyard", "jib", "keel", "lanyard")
    lines = [
        f"{number}. The {knots[number % 10]} holds when the {knots[number * 7 % 10]} is made fast and the "
        f"{knots[number * 3 % 10]} is kept dry through the night."
        for number in range(1, 101)
    ]
    return DemoReply("A long answer, so that you can leave and come back in its middle.\n\n" + "\n".join(lines))


def _slow(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    return DemoReply(
        " ".join(f"{number}... waiting for you to interrupt me," for number in range(1, 61)) + " done.", pace=10
    )


def _error(prompt: str, offered: Mapping[str, set[str]]) -> DemoReply:
    return DemoReply("Here it comes:", fails=True)


def _summary(messages: Sequence[Message]) -> DemoReply:
    texts = [_text(message) for message in messages if message.get("role") == "user" and _text(message)]
    length = sum(len(text.split()) for text in texts)
    begin = " ".join(texts[-1].split())[:_QUOTED_CHARS] if texts else ""
    return DemoReply(f"Summary by the demo model, of {length} words of conversation. It begins: {begin}")


def _after_results(messages: Sequence[Message]) -> DemoReply:
    place = max(index for index, message in enumerate(messages) if message.get("role") == "assistant")
    calls = messages[place].get("tool_calls")
    names = {call["id"]: call["function"]["name"] for call in calls} if isinstance(calls, list) else {}
    lines = [
        _about(str(names.get(message.get("tool_call_id"), "a tool")), _text(message))
        for message in messages[place + 1 :]
        if message.get("role") == "tool"
    ]
    return DemoReply(
        "\n\n".join([*lines, "That was a whole tool call: requested, decided, run, and its result given to the model."])
    )


def _about(tool: str, result: str) -> str:
    text = result.strip()
    cut = text if len(text) <= _QUOTED_CHARS else text[:_QUOTED_CHARS] + " …"
    if re.match(r"the user (rejected|declined|went on)\b|(rejected|denied|not approved)\b", text, re.IGNORECASE):
        return f"You didn't want `{tool}` to run, so it didn't. The result: {cut}"
    if re.match(r"error\b", text, re.IGNORECASE):
        return f"`{tool}` failed: {cut}"
    return f"`{tool}` is done. It says:\n\n```\n{cut or '(nothing)'}\n```"


_ANSWERS = (
    (r"\berror\b", _error),
    (r"\b(both|two)\b", _both),
    (r"\bplan", _plan),
    (r"\b(delet|remov|tidy)", _delete),
    (r"\bedit", _edit),
    (r"\brun\b", _run),
    (r"\bwrit", _write),
    (r"\bread\b", _read),
    (r"\blist\b", _list),
    (r"\bthink", _think),
    (r"\blong\b", _long),
    (r"\bslow", _slow),
)
