"""Checker: says which promises a trace shows to be broken. One piece of code decides what "lost" means. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from clients.prove.client_check import ClientCheck
from clients.prove.trace import (
    NEWCOMER,
    WITNESS,
    Closed,
    Denied,
    Done,
    Entry,
    Opened,
    Received,
    Sent,
    Violation,
    Waited,
)
from clients.session.view import at_rest
from protocol import codec, codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import UserInput
from protocol.view import View, apply

ENDED_WITHOUT_OUTPUT = frozenset({"rejected", "abandoned", "cancelled", "outcome_unknown"})
CUT_SHORT = frozenset({"restart", "shutdown", "interrupted", "error"})
"""Reasons for which a message ends before it is whole."""
VIOLATIONS_MAX = 50
"""Violations of one trace that are kept: the first say what happened."""


def check(trace: Sequence[Entry]) -> list[Violation]:
    """The violations that a whole trace shows, in the order of its entries. Its witness and newcomer came at its end."""
    return _Check().run(trace)


class _Check:
    def __init__(self) -> None:
        self._found: list[Violation] = []
        self._clients: dict[str, ClientCheck] = {}
        self._entry = 0
        self._restored: dict[str, bool] = {}
        self._times_sent: Counter[str] = Counter()

    def run(self, trace: Sequence[Entry]) -> list[Violation]:
        for self._entry, entry in enumerate(trace):
            self._follow(entry)
        witness = self._clients.get(WITNESS)
        if witness is None or not witness.complete:
            self._note(WITNESS, "stuck", "the session could not be read to its end")
        else:
            self._compare(witness)
        return sorted(self._found, key=lambda one: one.entry)[:VIOLATIONS_MAX]

    def _note(self, client: str, kind: str, message: str, entry: int | None = None) -> None:
        self._found.append(Violation(kind, client, self._entry if entry is None else entry, message))

    def _client(self, name: str) -> ClientCheck:
        if name not in self._clients:
            note = lambda kind, message: self._note(name, kind, message)  # noqa: E731 - binds the name
            self._clients[name] = ClientCheck(note, self._times_sent)
        return self._clients[name]

    def _follow(self, entry: Entry) -> None:
        match entry:
            case Opened():
                begin = self._view_of(entry.like, entry.after) if entry.like and entry.after else None
                self._client(entry.client).opened(entry.after, begin)
            case Received():
                restored = self._restored.get(entry.client, False)
                self._client(entry.client).receive(entry.data, self._entry, restored=restored)
                if self._client(entry.client).complete:
                    self._restored[entry.client] = False
            case Closed():
                self._client(entry.client).closed()
            case Denied():
                if not self._restored.get(entry.client, False):
                    self._note(entry.client, "lost", f"the session was there before: {entry.message}")
            case Sent():
                self._client(entry.client).sent.add(str(entry.submission.id))
                self._times_sent[str(entry.submission.id)] += 1
            case Done():
                if entry.restored:
                    self._restored = dict.fromkeys(self._clients, True)
                    for client in self._clients.values():
                        client.forget()
            case Waited():
                self._note(entry.client, "stuck", f"it waited {entry.seconds:g} s for {entry.what}")

    def _view_of(self, name: str, seq: int) -> View:
        """The view that a client had at this position, or at the last one before it."""
        view = View(model=self._client(name).first_model)
        for _, event in self._client(name).seen:
            if event.seq <= seq:
                apply(view, codec.decode_event(codec.encode(event)))
        return view

    def _compare(self, witness: ClientCheck) -> None:
        """What only the end shows: the views of all, and what each saw beside what is stored."""
        stored = [event for _, event in witness.seen[witness.start :]]
        if not at_rest(witness.view):
            self._note(WITNESS, "stuck", f"the session is {witness.view.state} at the end")
        for name, client in self._clients.items():
            if name != WITNESS and client.complete:
                if client.epoch != witness.epoch:
                    self._note(name, "different_view", f"its epoch is {client.epoch}, the session's is {witness.epoch}")
                difference = view_difference(client.view, witness.view)
                if difference:
                    self._note(name, "different_view", f"it differs from who read everything: {difference}")
            self._check_stored(name, client, stored)
        self._check_submissions(stored)
        self._check_calls(stored)
        self._check_messages(stored)

    def _check_stored(self, name: str, client: ClientCheck, stored: Sequence[ev.Event]) -> None:
        if name in (WITNESS, NEWCOMER):
            return
        for place, kind, message in missing(stored, [event for _, event in client.seen]):
            self._note(name, kind, message, client.seen[place][0])

    def _check_submissions(self, stored: Sequence[ev.Event]) -> None:
        accepted = Counter(event.submission_id for event in stored if isinstance(event, ev.Accepted))
        begun = Counter(e.submission_id for e in stored if isinstance(e, ev.Processing | ev.InputJoined))
        for submission_id, times in (accepted | begun).items():
            if max(times, begun[submission_id]) > 1:
                self._note(WITNESS, "said_twice", f"the submission {submission_id} was taken {times} times")
        withdrawn = _withdrawn(stored)
        for event in stored:
            if not isinstance(event, ev.Accepted) or event.submission_id in begun or event.submission_id in withdrawn:
                continue
            if isinstance(event.submission, UserInput):
                self._note(WITNESS, "lost", f"the input {event.submission_id} was accepted and had no turn")
        answers: dict[str, list[ev.Accepted | Refused]] = {}
        for name, client in self._clients.items():
            for submission_id in client.sent:
                own = client.answers.get(submission_id, [])
                answers.setdefault(submission_id, []).extend(own)
                if not own and client.complete:
                    self._note(name, "stuck", f"the submission {submission_id} has no answer")
        for submission_id, given in answers.items():
            self._check_answers(submission_id, given, accepted)

    def _check_answers(
        self, submission_id: str, given: Sequence[ev.Accepted | Refused], accepted: Counter[str]
    ) -> None:
        places = {one.seq for one in given if isinstance(one, ev.Accepted)}
        final = [
            one for one in given if isinstance(one, Refused) and not one.retryable and one.code != codes.ID_CONFLICT
        ]
        if len(places) > 1:
            self._note(WITNESS, "said_twice", f"{submission_id} was answered with the events {sorted(places)}")
        if places and submission_id not in accepted:
            self._note(WITNESS, "lost", f"{submission_id} was acknowledged and is not stored")
        if final and places:
            self._note(WITNESS, "said_twice", f"{submission_id} was accepted, and refused with `{final[0].code}`")

    def _check_calls(self, stored: Sequence[ev.Event]) -> None:
        asked = {tool.tool_call_id for e in stored if isinstance(e, ev.ApprovalRequired) for tool in e.tools}
        states: dict[str, list[str]] = {}
        restarted: dict[str, str] = {}
        for event in stored:
            if isinstance(event, ev.ToolCallEvent):
                states.setdefault(event.tool_call_id, [])
            elif isinstance(event, ev.ToolStateChange):
                states.setdefault(event.tool_call_id, []).append(event.state)
                if event.by == "restart":
                    restarted[event.tool_call_id] = event.state
            elif isinstance(event, ev.ToolOutput):
                states.setdefault(event.tool_call_id, []).append("output")
        for call, seen in states.items():
            answers = [state for state in seen if state in ("approved", "rejected")]
            if len(answers) > 1:
                self._note(WITNESS, "approval", f"the call {call} was answered {len(answers)} times")
            if call in asked and "running" in seen and "approved" not in seen[: seen.index("running")]:
                self._note(WITNESS, "approval", f"the call {call} ran without its approval")
            if seen.count("running") > 1:
                self._note(WITNESS, "ran_twice", f"the call {call} began {seen.count('running')} times")
            ends = [state for state in seen if state == "output" or state in ENDED_WITHOUT_OUTPUT]
            waits = call in asked and not answers and not ends
            by_restart = restarted.get(call)
            if by_restart and by_restart != ("outcome_unknown" if "running" in seen else "cancelled"):
                self._note(WITNESS, "ran_twice", f"after a restart the call {call} is `{by_restart}`: {seen}")
            if len(ends) != 1 and not waits:
                self._note(WITNESS, "ran_twice", f"the call {call} has {len(ends)} ends: {seen}")

    def _check_messages(self, stored: Sequence[ev.Event]) -> None:
        for event in stored:
            if isinstance(event, ev.AssistantMessageEvent):
                if event.sealed != (event.finish_reason in CUT_SHORT):
                    said = "sealed" if event.sealed else "not sealed"
                    self._note(WITNESS, "torn", f"{event.message_id} is {said}, and its end is `{event.finish_reason}`")
                if not (event.text or event.reasoning or event.tool_calls):
                    self._note(WITNESS, "torn", f"{event.message_id} is empty")


def missing(stored: Sequence[ev.Event], seen: Sequence[ev.Event]) -> list[tuple[int, str, str]]:
    """What was seen and is not stored: as it was, or as a part of a merged text. Its place in `seen`, the kind, a message."""
    by_seq = {event.seq: event for event in stored}
    texts = _texts(stored)
    found = []
    for place, event in enumerate(seen):
        key = _text_key(event)
        if key is not None:
            assert isinstance(event, ev.AssistantChunk | ev.ToolLog)
            if not texts.get(key, "")[event.offset :].startswith(event.text):
                found.append((place, "torn", f"the text of event {event.seq} is not in what is stored"))
        elif event.seq not in by_seq:
            found.append((place, "lost", f"event {event.seq} was seen and is not stored"))
        elif msgspec.json.encode(_plain(event)) != msgspec.json.encode(_plain(by_seq[event.seq])):
            found.append((place, "torn", f"event {event.seq} was seen, and another stands in its place"))
    return found


def view_difference(one: View, other: View) -> str:
    """The first field in which two views differ, with both values, shortened; empty if they are the same."""
    for name in View.__struct_fields__:
        mine, theirs = (msgspec.json.encode(getattr(view, name)).decode() for view in (one, other))
        if mine != theirs:
            place = next((n for n, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), 0)
            start = max(0, place - 20)
            return f"`{name}` is …{mine[start : place + 60]}… and …{theirs[start : place + 60]}…"
    return ""


def _withdrawn(stored: Iterable[ev.Event]) -> set[str]:
    """Inputs that get no turn: taken back, or removed with the link of who said them."""
    gone: set[str] = set()
    for event in stored:
        if isinstance(event, ev.InputWithdrawn):
            gone.add(event.submission_id)
        elif isinstance(event, ev.Unshared) and event.removed_inputs:
            gone.update(event.removed_inputs)
    return gone


def _texts(stored: Iterable[ev.Event]) -> dict[tuple[str, str], str]:
    """The whole texts of messages and logs, as the stored events build them."""
    texts: dict[tuple[str, str], str] = {}
    for event in stored:
        key = _text_key(event)
        if key is not None:
            assert isinstance(event, ev.AssistantChunk | ev.ToolLog)
            texts[key] = texts.get(key, "")[: event.offset] + event.text
        elif isinstance(event, ev.AssistantMessageEvent):
            texts[event.message_id, "text"], texts[event.message_id, "reasoning"] = event.text, event.reasoning
    return texts


def _text_key(event: ev.Event) -> tuple[str, str] | None:
    if isinstance(event, ev.AssistantChunk):
        return event.message_id, event.kind
    return (event.tool_call_id, "log") if isinstance(event, ev.ToolLog) else None


def _plain(event: ev.Event) -> ev.Event:
    """The event without what depends on who asked: whether it was merged, and a text that it repeats."""
    changed: dict[str, object] = {"first_seq": msgspec.UNSET}
    if isinstance(event, ev.TurnComplete):
        changed["final_response"] = ""
    return msgspec.structs.replace(event, **changed)
