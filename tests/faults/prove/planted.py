"""Planted faults: thirty ways in which a server can break its promises, each with the case that finds it."""

from collections.abc import Callable
from typing import NamedTuple

from tests.faults.prove.mutated_server import Fault, Frame, Link


class Planted(NamedTuple):
    """A fault: what the server does wrong, the case that is to find it, and the kinds of violations that may show it."""

    what: str
    case: str
    kinds: frozenset[str]
    make: Callable[[], Fault]


def _down(change: Callable[[Frame, Link], list[Frame]]) -> Callable[[], Fault]:
    class Changed(Fault):
        def down(self, frame: Frame, link: Link) -> list[Frame]:
            return change(frame, link)

    return Changed


def _is_event(frame: Frame) -> bool:
    return "at" in frame


def _nth_live(number: int, change: Callable[[Frame], list[Frame]]) -> Callable[[], Fault]:
    """Change the event of this number on each connection that was not resumed."""

    def changed(frame: Frame, link: Link) -> list[Frame]:
        return change(frame) if link.live and _is_event(frame) and link.events == number else [frame]

    return _down(changed)


def _first_resumed(change: Callable[[Frame], list[Frame]]) -> Callable[[], Fault]:
    """Change the first event of each connection that was resumed."""

    def changed(frame: Frame, link: Link) -> list[Frame]:
        return change(frame) if link.resumed and _is_event(frame) and link.events == 0 else [frame]

    return _down(changed)


def _of_type(name: str, change: Callable[[Frame], list[Frame]]) -> Callable[[], Fault]:
    return _down(lambda frame, link: change(frame) if frame["type"] == name else [frame])


def _of_type_live(name: str, change: Callable[[Frame], list[Frame]]) -> Callable[[], Fault]:
    return _down(lambda frame, link: change(frame) if link.live and frame["type"] == name else [frame])


class _Swapped(Fault):
    def down(self, frame: Frame, link: Link) -> list[Frame]:
        if link.kept:
            return [frame, link.kept.pop()]
        if link.live and _is_event(frame) and link.events == 3:
            link.kept.append(frame)
            return []
        return [frame]


class _Query(Fault):
    """The position that is asked for is changed by this much."""

    def __init__(self, by: int) -> None:
        super().__init__()
        self._by = by

    def query(self, query: dict[str, str]) -> dict[str, str]:
        if int(query.get("after", 0)) > 1:
            return {**query, "after": str(max(1, int(query["after"]) + self._by))}
        return query


class _NoPosition(Fault):
    def query(self, query: dict[str, str]) -> dict[str, str]:
        return {} if int(query.get("after", 0)) > 0 else query


class _SkipsReplay(Fault):
    def down(self, frame: Frame, link: Link) -> list[Frame]:
        return [] if link.resumed and not link.live and _is_event(frame) else [frame]


class _SyncedFirst(Fault):
    """`synced` comes right behind `ready`, and not again."""

    def down(self, frame: Frame, link: Link) -> list[Frame]:
        if frame["type"] == "ready" and frame["recovered"]:
            return [frame, {"type": "synced", "seq": frame["seq"]}]
        return [frame]


class _NewId(Fault):
    """What is sent again gets an id of its own: the server has forgotten the first."""

    def up(self, frame: Frame, link: Link) -> tuple[list[Frame], list[Frame]]:
        if frame["type"] != "user_input":
            return [frame], []
        times = self.shared[frame["id"]] = self.shared.get(frame["id"], 0) + 1
        return [{**frame, "id": f"{frame['id']}-{times}"} if times > 1 else frame], []

    def down(self, frame: Frame, link: Link) -> list[Frame]:
        if frame["type"] in ("accepted", "processing") and frame["submission_id"].count("-") > 1:
            first = frame["submission_id"].rpartition("-")[0]
            changed = {**frame, "submission_id": first}
            if "submission" in frame:
                changed["submission"] = {**frame["submission"], "id": first}
            return [changed]
        return [frame]


class _NoSecondAnswer(Fault):
    """What was settled is not answered again."""

    def up(self, frame: Frame, link: Link) -> tuple[list[Frame], list[Frame]]:
        known = frame["id"] in self.shared
        self.shared[frame["id"]] = True
        return ([] if known else [frame]), []


class _AnswersFirst(Fault):
    """A submission is acknowledged before it is stored."""

    def up(self, frame: Frame, link: Link) -> tuple[list[Frame], list[Frame]]:
        answer = {"type": "accepted", "seq": 9_000, "at": "2026-01-01T00:00:00Z", "submission_id": frame["id"]}
        return [], [{**answer, "submission": frame}]


class _OtherAccepted(Fault):
    """Another submission under an id that was used is acknowledged like the first."""

    def down(self, frame: Frame, link: Link) -> list[Frame]:
        if frame["type"] == "accepted":
            self.shared.setdefault(frame["submission_id"], frame)
        if frame["type"] == "refused" and frame["code"] == "id_conflict":
            seq = self.shared[frame["id"]]["seq"] + 1
            return [{**self.shared[frame["id"]], "seq": seq}]
        return [frame]


class _FallsSilent(Fault):
    """After some events nothing more comes, on any connection."""

    def down(self, frame: Frame, link: Link) -> list[Frame]:
        if _is_event(frame):
            self.shared["seq"] = max(frame["seq"], self.shared.get("seq", 0))
        return [] if _is_event(frame) and frame["seq"] > 8 else [frame]


class _Refuses(Fault):
    """An answer is accepted and also refused for good."""

    def down(self, frame: Frame, link: Link) -> list[Frame]:
        if link.live and frame["type"] == "accepted" and frame["submission"]["type"] == "user_input":
            refused = {"type": "refused", "code": "invalid", "message": "no", "retryable": False}
            return [frame, {**refused, "id": frame["submission_id"]}]
        return [frame]


def _in_snapshot(**changed: object) -> Callable[[], Fault]:
    return _of_type("snapshot", lambda frame: [{**frame, **changed}])


def _shorter_snapshot(frame: Frame) -> list[Frame]:
    return [{**frame, "messages": frame["messages"][:-1]}]


def _other_state(state: str) -> Callable[[], Fault]:
    """Of every call of which a client hears that it was approved, it hears this instead."""

    def change(frame: Frame) -> list[Frame]:
        return [{**frame, "state": state}] if frame["state"] == "approved" else [frame]

    return _of_type("tool_state_change", change)


def _kinds(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


RECEIVED = _kinds("lost", "different_view", "torn")
PLANTED = (
    Planted("drops the first event after a cut", "cut_often", RECEIVED, _first_resumed(lambda frame: [])),
    Planted(
        "sends the first event after a cut twice",
        "cut_often",
        _kinds("doubled"),
        _first_resumed(lambda frame: [frame, frame]),
    ),
    Planted("drops a live event", "cut_by_close", RECEIVED, _nth_live(2, lambda frame: [])),
    Planted("sends a live event twice", "cut_by_close", _kinds("doubled"), _nth_live(2, lambda frame: [frame, frame])),
    Planted("swaps two events", "cut_by_close", RECEIVED, _Swapped),
    Planted("resumes one too early", "cut_often", _kinds("doubled"), lambda: _Query(-1)),
    Planted("resumes one too late", "cut_often", RECEIVED, lambda: _Query(1)),
    Planted("answers a position with a snapshot", "cut_often", _kinds("false_recovery"), _NoPosition),
    Planted("says `recovered` and replays nothing", "resume_at_positions", RECEIVED, _SkipsReplay),
    Planted(
        "says `recovered` where no position was asked for",
        "cut_by_close",
        _kinds("false_recovery", "out_of_order", "lost"),
        _of_type("ready", lambda frame: [{**frame, "recovered": True}]),
    ),
    Planted(
        "sends `synced` before the replay",
        "resume_at_positions",
        _kinds("lost", "out_of_order", "doubled"),
        _SyncedFirst,
    ),
    Planted("never sends `synced`", "cut_by_close", _kinds("stuck"), _of_type("synced", lambda frame: [])),
    Planted(
        "sends `synced` with another position",
        "cut_by_close",
        _kinds("lost"),
        _of_type("synced", lambda frame: [{**frame, "seq": frame["seq"] + 1}]),
    ),
    Planted(
        "sends `ready` twice", "cut_by_close", _kinds("out_of_order"), _of_type("ready", lambda frame: [frame, frame])
    ),
    Planted(
        "cuts the end off each piece of text",
        "cut_by_close",
        RECEIVED,
        _of_type_live("assistant_chunk", lambda frame: [{**frame, "text": frame["text"][:-1]}]),
    ),
    Planted(
        "gives a piece of text another place",
        "cut_by_close",
        RECEIVED,
        _of_type_live("assistant_chunk", lambda frame: [{**frame, "offset": frame["offset"] + 1}]),
    ),
    Planted(
        "gives text as reasoning",
        "cut_by_close",
        RECEIVED,
        _of_type_live("assistant_chunk", lambda frame: [{**frame, "kind": "reasoning"}]),
    ),
    Planted(
        "stores another text than it sends",
        "cut_by_close",
        RECEIVED,
        _of_type_live("assistant_message", lambda frame: [{**frame, "text": frame["text"] + "!"}]),
    ),
    Planted(
        "counts usage differently when live",
        "cut_by_close",
        RECEIVED,
        _of_type_live("usage", lambda frame: [{**frame, "output_tokens": 1}]),
    ),
    Planted(
        "leaves the last message out of snapshots",
        "cut_by_close",
        _kinds("different_view"),
        _of_type("snapshot", _shorter_snapshot),
    ),
    Planted(
        "leaves the text that is open out of snapshots",
        "snapshots_in_a_turn",
        _kinds("torn", "different_view"),
        _in_snapshot(open_message=None),
    ),
    Planted(
        "leaves approvals that wait out of snapshots",
        "snapshots_in_a_turn",
        _kinds("different_view", "stuck"),
        _in_snapshot(pending_approval=[]),
    ),
    Planted(
        "gives a snapshot the wrong position",
        "cut_by_close",
        _kinds("lost", "doubled"),
        _of_type("snapshot", lambda frame: [{**frame, "seq": frame["seq"] + 1}]),
    ),
    Planted("forgets the ids it has settled", "sent_again", _kinds("said_twice"), _NewId),
    Planted("does not answer what is sent again", "sent_again", _kinds("stuck"), _NoSecondAnswer),
    Planted("acknowledges before it stores", "cut_by_close", _kinds("lost"), _AnswersFirst),
    Planted(
        "takes an id for another submission",
        "same_id_other_text",
        _kinds("said_twice", "lost", "torn", "doubled"),
        _OtherAccepted,
    ),
    Planted("accepts and refuses the same submission", "cut_by_close", _kinds("said_twice"), _Refuses),
    Planted("runs a call that was not approved", "raced_approvals", _kinds("approval"), _other_state("running")),
    Planted(
        "gives a call two answers",
        "raced_approvals",
        _kinds("approval"),
        _of_type(
            "tool_state_change",
            lambda frame: [{**frame, "state": "approved"}] if frame["state"] == "running" else [frame],
        ),
    ),
    Planted("falls silent", "cut_by_close", _kinds("stuck"), _FallsSilent),
    Planted(
        "sends what is no frame",
        "cut_by_close",
        _kinds("torn"),
        _nth_live(2, lambda frame: [{"raw": '{"type":'}, frame]),
    ),
)
