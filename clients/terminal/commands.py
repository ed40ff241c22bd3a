"""Commands: what a typed line means, as an answer to a question and otherwise. Pure."""

from typing import Any

import msgspec

from protocol.content import PendingTool, Question
from protocol.submissions import (
    AnswerQuestion,
    Approval,
    Compact,
    Interrupt,
    Restore,
    RevokeGrant,
    SetModel,
    Submission,
    Undo,
    UserInput,
)

HELP = """\
/interrupt    stop the running turn (Ctrl-C does it too; twice leaves)
/steer TEXT   say something to the running turn, before its next step
/undo         take the last turn out of the conversation
/restore ID   make the files as they were in a snapshot; /undo names it
/compact      summarise the older part of the conversation for the model
/model NAME   let another model answer
/prompts      list the prompts and resources of MCP servers
/NAME ...     use a prompt of theirs, with its values as NAME=VALUE
/resource URI read a resource of theirs
/revoke GRANT ask again for what was allowed for the session
/help         this list
/quit         leave; the session stays (Ctrl-D too)
//...         say a line that begins with a slash
"""

EDIT = "new arguments as a JSON object (empty: as they were): "


class Quit(msgspec.Struct, frozen=True):
    """Leave."""


class Help(msgspec.Struct, frozen=True):
    """Show the list of commands."""


class InvalidLine(msgspec.Struct, frozen=True):
    """The line made no sense; `why` says how it would."""

    why: str


class ListOffers(msgspec.Struct, frozen=True):
    """Show what MCP servers offer."""


class UsePrompt(msgspec.Struct, frozen=True):
    """Use the prompt that the words begin with; there may be none."""

    words: str


class ReadResource(msgspec.Struct, frozen=True):
    """Read the resource that the words begin with."""

    words: str


class AskEdit(msgspec.Struct, frozen=True):
    """The next line is the call's arguments."""


ParsedLine = Submission | Quit | Help | ListOffers | UsePrompt | ReadResource | InvalidLine | None


def read_line(line: str) -> ParsedLine:
    """What the line asks for; None for an empty one."""
    line = line.strip()
    if not line.startswith("/") or line.startswith("//"):
        text = line.removeprefix("/") if line.startswith("//") else line
        return UserInput(text=text) if text else None
    name, _, rest = line[1:].partition(" ")
    rest = rest.strip()
    match name:
        case "steer":
            return UserInput(text=rest, when="steer") if rest else InvalidLine("/steer what? Write the text after it.")
        case "model":
            return SetModel(model=rest) if rest else InvalidLine("/model which? Write its name after it.")
        case "revoke":
            return RevokeGrant(grant=rest) if rest else InvalidLine("/revoke what? Write it after it, such as bash.")
        case "restore":
            return Restore(snapshot_id=rest) if rest else InvalidLine("/restore which? /undo names the snapshot.")
        case "interrupt":
            return Interrupt()
        case "undo":
            return Undo()
        case "compact":
            return Compact()
        case "help":
            return Help()
        case "quit":
            return Quit()
        case "prompts":
            return ListOffers()
        case "resource":
            return ReadResource(rest) if rest else InvalidLine("/resource which? /prompts lists them.")
    return UsePrompt(line[1:]) if name else InvalidLine(no_command(name))


def no_command(name: str) -> str:
    """What is said of a command that there is not."""
    return f"there is no command /{name}; /help lists what there is"


def question(pending: PendingTool) -> str:
    """The answers that a waiting call takes."""
    session = "" if isinstance(pending.grant, msgspec.UnsetType) else "yes for this [s]ession, "
    return f"[y]es, {session}[n]o, [e]dit the arguments, or say why not: "


def read_answer(line: str, pending: PendingTool) -> Approval | AskEdit | None:
    """What the line answers to the question whether this call may run; None for an empty one."""
    line = line.strip()
    match line.lower():
        case "":
            return None
        case "y" | "yes":
            return Approval(tool_call_id=pending.tool_call_id, approved=True)
        case "s" | "session" if not isinstance(pending.grant, msgspec.UnsetType):
            return Approval(tool_call_id=pending.tool_call_id, approved=True, scope="session")
        case "n" | "no":
            return Approval(tool_call_id=pending.tool_call_id, approved=False)
        case "e" | "edit":
            return AskEdit()
    return Approval(tool_call_id=pending.tool_call_id, approved=False, feedback=line)


def question_prompt(question: Question) -> str:
    """The answers that a question of a running call takes."""
    if not question.fields:
        return "[y]es, or [n]o: "
    if len(question.fields) == 1:
        return "your answer, or /decline: "
    return "your answer as a JSON object, or /decline: "


def read_question(line: str, question: Question) -> AnswerQuestion | InvalidLine | None:
    """What the line answers to a question of a running call; None for an empty one: ask again."""
    line, question_id = line.strip(), question.question_id
    if not line:
        return None
    if line == "/decline" or (not question.fields and line.lower() in ("n", "no")):
        return AnswerQuestion(question_id=question_id, action="decline")
    if not question.fields:
        if line.lower() in ("y", "yes"):
            return AnswerQuestion(question_id=question_id, action="accept")
        return InvalidLine("answer y or n")
    try:
        if len(question.fields) == 1 and not line.startswith("{"):
            field = question.fields[0]
            text = field.kind in ("text", "choice")
            content: dict[str, Any] = {field.name: line if text else msgspec.json.decode(line)}
        else:
            content = msgspec.json.decode(line, type=dict[str, Any])
        return msgspec.convert(
            {"type": "answer_question", "question_id": question_id, "action": "accept", "content": content},
            AnswerQuestion,
        )
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return InvalidLine(f"that does not fit: {error}")


def read_edit(line: str, pending: PendingTool) -> Approval | InvalidLine | None:
    """The approval with these arguments; None for an empty line: ask again."""
    if not line.strip():
        return None
    try:
        arguments = msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return InvalidLine(f"that is no JSON object: {error}")
    return Approval(tool_call_id=pending.tool_call_id, approved=True, arguments=arguments)
