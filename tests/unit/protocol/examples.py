"""Examples: one of every frame and submission, as they could come from one session, and their bytes in the golden files.

An example that no longer fits its golden bytes means that the wire has changed, and that stored journals and existing
clients no longer fit. For a new frame, `python -m tests.unit.protocol.examples` adds the lines that are missing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from protocol import codec
from protocol import events as ev
from protocol import submissions as sub
from protocol.content import (
    AssistantMessage,
    OpenCall,
    OpenMessage,
    PendingTool,
    PlanItem,
    Question,
    QuestionField,
    QuestionOption,
    QueuedInput,
    ShareLink,
    Step,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from protocol.frames import Frame, Heartbeat, Ready, Refused, Snapshot, Synced
from protocol.limits import Limits

GOLDEN = Path(__file__).parent / "golden"
AT = "2026-01-02T03:04:05.678Z"
INPUT = sub.UserInput(id="c1-1", text="Write a haïku about 🦉 to owl.txt")
ARGUMENTS: dict[str, object] = {
    "path": "owl.txt",
    "content": "Night 🦉\n",
    "mode": 0.5,
    "tags": [1, True, None, {"a": "b"}],
}
PENDING = PendingTool("call-1", "write_file", ARGUMENTS, "writes owl.txt in the workspace")
EDITED: dict[str, object] = {"path": "owls/1.txt", "content": "Night 🦉\n"}

SUBMISSIONS: list[sub.Submission] = [
    INPUT,
    sub.ExecApproval(
        id="c1-2",
        approvals=[
            sub.Approval(tool_call_id="call-1", approved=True, arguments=EDITED),
            sub.Approval(tool_call_id="call-2", approved=False, feedback="not that one"),
        ],
    ),
    sub.Interrupt(id="c1-3"),
    sub.Undo(id="c1-4"),
    sub.Compact(id="c1-5"),
    sub.Shutdown(id="c1-6"),
    sub.SetModel(id="c1-7", model="openai/gpt-oss-120b", reasoning_effort="high"),
    sub.Edit(id="c1-8", turn_id="turn-2", text="Rather owls 🦉"),
    sub.SetTitle(id="c1-9", title="Owls"),
    sub.Share(id="c1-10", access="read"),
    sub.RevokeGrant(id="c1-13", grant="web_fetch:example.com"),
    sub.Unshare(id="c1-11", share_id="5f0c"),
    sub.Restore(id="c1-14", snapshot_id="turn-2"),
    sub.AnswerQuestion(
        id="c1-15", question_id="q-1", action="accept", content={"color": "red", "sizes": ["s"], "n": 2}
    ),
    sub.Withdraw(id="c1-16", submission_id="c1-1"),
    sub.SetMode(id="c1-17", mode="read-only"),
]

FRAMES: list[Frame] = [
    Ready(
        session_id="s-3f9c",
        epoch="e-71d0",
        seq=19,
        recovered=True,
        state="running",
        model="demo/demo",
        demo=True,
        limits=Limits(
            inbound_message_bytes=1_048_576,
            outbound_frame_bytes=16_777_216,
            frames_per_s=50,
            frames_burst=200,
            bad_frames_per_minute=20,
            queued_inputs=32,
            heartbeat_s=15.0,
            send_timeout_s=20.0,
        ),
        server="holdfast/0.1.0",
    ),
    Snapshot(
        seq=19,
        messages=[
            UserMessage(text=INPUT.text, submission_id="c1-1", turn_id="turn-2"),
            AssistantMessage(
                message_id="msg-4",
                text="I'll write it.",
                reasoning="A haïku has 17 syllables.",
                tool_calls=[
                    ToolCall("call-1", "write_file", ARGUMENTS),
                    ToolCall("call-2", "read_file", {}, malformed='{"path": "a'),
                    ToolCall("call-3", "shell", {"command": "ls"}),
                ],
                finish_reason="tool_calls",
                sealed=False,
            ),
            ToolMessage(
                tool_call_id="call-1",
                tool="write_file",
                output="wrote 11 bytes",
                success=True,
                truncated=False,
                duration_ms=3,
                state="completed",
                arguments=EDITED,
            ),
        ],
        pending_approval=[PENDING],
        open_message=OpenMessage(message_id="msg-19", text="Done", reasoning="It is there."),
        plan=[PlanItem("write it", "completed"), PlanItem("read it back", "in_progress")],
        usage=Usage(
            input_tokens=700,
            output_tokens=90,
            cached_tokens=512,
            cost_usd=0.0021,
            context_tokens=420,
            context_limit=32_768,
        ),
        state="awaiting_approval",
        model="demo/demo",
        title="Write a haïku about 🦉 to owl.txt",
        turn_id="turn-2",
        open_calls=[
            OpenCall(tool_call_id="call-3", tool="shell", arguments={"command": "ls"}, state="running", log="owls\n"),
            OpenCall(tool_call_id="call-1", tool="write_file", arguments=EDITED, state="approved", edited=True),
        ],
        queued=[QueuedInput(submission_id="c1-9", text="and then a limerick", when="queue")],
        omitted_messages=2,
        shares=[ShareLink("5f0c", "read")],
    ),
    Synced(seq=19),
    Refused(id="c1-4", code="busy", message="a turn is running; interrupt it first, or wait", retryable=True),
    Heartbeat(seq=19),
    ev.Accepted(seq=1, at=AT, submission_id="c1-1", submission=INPUT),
    ev.Processing(seq=2, at=AT, turn_id="turn-2", submission_id="c1-1"),
    ev.InputJoined(seq=3, at=AT, turn_id="turn-2", submission_id="c1-8"),
    ev.AssistantChunk(
        seq=6, first_seq=4, at=AT, message_id="msg-4", offset=17, text="Night 🦉 falls", kind="reasoning"
    ),
    ev.AssistantMessageEvent(
        seq=8,
        first_seq=4,
        at=AT,
        message_id="msg-4",
        text="I'll write it.",
        reasoning="A haïku has 17 syllables.",
        tool_calls=[ToolCall("call-1", "write_file", ARGUMENTS), ToolCall("call-2", "read_file", {}, malformed="{")],
        finish_reason="tool_calls",
        sealed=False,
    ),
    ev.ToolCallEvent(seq=9, at=AT, tool_call_id="call-1", tool="write_file", arguments=ARGUMENTS),
    ev.ApprovalRequired(seq=10, at=AT, tools=[PENDING], count=1),
    ev.ToolStateChange(
        seq=12,
        at=AT,
        tool_call_id="call-1",
        tool="write_file",
        state="approved",
        by="user",
        feedback="ok",
        arguments=EDITED,
    ),
    ev.ToolLog(seq=14, first_seq=13, at=AT, tool_call_id="call-3", offset=5, text="owl.txt\n"),
    ev.ToolOutput(
        seq=15,
        at=AT,
        tool_call_id="call-1",
        tool="write_file",
        output="wrote 11 bytes",
        success=True,
        truncated=False,
        duration_ms=3,
    ),
    ev.PlanUpdate(seq=16, at=AT, items=[PlanItem("write it", "completed"), PlanItem("read it back", "pending")]),
    ev.UsageEvent(
        seq=17,
        at=AT,
        input_tokens=350,
        output_tokens=70,
        cached_tokens=256,
        cost_usd=None,
        context_tokens=420,
        context_limit=32_768,
    ),
    ev.TurnComplete(seq=20, at=AT, turn_id="turn-2", history_size=4, final_response="Done 🦉"),
    ev.Interrupted(seq=21, at=AT, turn_id="turn-2", reason="user"),
    ev.Compacted(
        seq=22, at=AT, old_tokens=9_000, new_tokens=900, summary="They want owls.", kept_from=12, operation_id="c1-5"
    ),
    ev.UndoComplete(seq=23, at=AT, removed_messages=4, kept=["write_file: files written"]),
    ev.ModelChanged(seq=24, at=AT, model="openai/gpt-oss-120b", reasoning_effort="high"),
    ev.TitleChanged(seq=25, at=AT, title="Owls"),
    ev.ErrorEvent(
        seq=26, at=AT, code="model_timeout", message="the model said nothing for 60 s", retryable=True, turn_id="turn-2"
    ),
    ev.ShutdownEvent(seq=27, at=AT, reason="user"),
    ev.Shared(seq=28, at=AT, share_id="5f0c", access="read"),
    ev.Unshared(seq=29, at=AT, share_id="5f0c"),
    ev.ToolStep(
        seq=30,
        at=AT,
        tool_call_id="call-4",
        step=Step("step-1", "read", {"path": "owl.txt"}, output="Night 🦉\n", success=True, duration_ms=3),
    ),
    ev.GrantRevoked(seq=31, at=AT, grant="web_fetch:example.com", reason="unshared"),
    ev.NotesUploaded(seq=32, at=AT, digest="0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
    ev.WorkspaceSaved(seq=33, at=AT, snapshot_id="turn-2", files=12, left_out=1, dropped=["turn-1"]),
    ev.WorkspaceNotSaved(seq=34, at=AT, snapshot_id="turn-2", message="the disk refused it: No space left on device"),
    ev.WorkspaceRestored(
        seq=35,
        at=AT,
        operation_id="c1-14",
        snapshot_id="turn-2",
        restored=2,
        removed=1,
        left=["owls/socket"],
        left_count=1,
    ),
    ev.AskUser(
        seq=36,
        at=AT,
        question=Question(
            "q-1",
            "call-4",
            "shop",
            "form",
            "Which owl?",
            [QuestionField("color", "choice", "Color", "", True, [QuestionOption("red", "Red")], "red")],
        ),
    ),
    ev.QuestionClosed(seq=37, at=AT, question_id="q-1", tool_call_id="call-4", action="accept"),
    ev.NotesChanged(
        seq=38, at=AT, tool_call_id="call-4", tool="bash", digest="0f1e2d3c4b5a69788796a5b4c3d2e1f0", share_id="5f0c"
    ),
    ev.GrantDenied(seq=41, at=AT, grant="web_fetch:example.com"),
    ev.InputWithdrawn(seq=39, at=AT, submission_id="c1-1"),
    ev.ModeChanged(seq=40, at=AT, mode="read-only"),
]


def tag(word: msgspec.Struct) -> str:
    """The `type` a frame or submission has on the wire."""
    return str(word.__struct_config__.tag)


@dataclass(frozen=True)
class GoldenFile:
    """The bytes of each message of one kind, as JSON and as MessagePack: two files with a line for each `type`, sorted by it.

    `NAME.jsonl` holds the JSON itself. `NAME.msgpack.txt` holds the type, a space, and the MessagePack in hexadecimal.
    """

    name: str

    @property
    def json_path(self) -> Path:
        return GOLDEN / f"{self.name}.jsonl"

    @property
    def msgpack_path(self) -> Path:
        return GOLDEN / f"{self.name}.msgpack.txt"

    def json(self) -> dict[str, bytes]:
        """The JSON by type."""
        return {str(json.loads(line)["type"]): line for line in self.json_path.read_bytes().splitlines()}

    def msgpack(self) -> dict[str, bytes]:
        """The MessagePack by type."""
        lines = [line.split(" ") for line in self.msgpack_path.read_text().splitlines()]
        return {name: bytes.fromhex(data) for name, data in lines}

    def add_missing(self, words: Sequence[Frame | sub.Submission]) -> None:
        """Write the lines of types that have none yet. A line that is there is never changed."""
        as_json = {tag(word): codec.encode(word) for word in words} | self.json()
        as_msgpack = {tag(word): codec.encode_msgpack(word) for word in words} | self.msgpack()
        self.json_path.write_bytes(b"".join(as_json[name] + b"\n" for name in sorted(as_json)))
        self.msgpack_path.write_text("".join(f"{name} {as_msgpack[name].hex()}\n" for name in sorted(as_msgpack)))


GOLDEN_FRAMES = GoldenFile("frames")
GOLDEN_SUBMISSIONS = GoldenFile("submissions")


def golden(word: Frame | sub.Submission) -> tuple[bytes, bytes]:
    """The golden JSON and MessagePack of a frame or submission."""
    file = GOLDEN_SUBMISSIONS if word in SUBMISSIONS else GOLDEN_FRAMES
    return file.json()[tag(word)], file.msgpack()[tag(word)]


if __name__ == "__main__":
    GOLDEN_FRAMES.add_missing(FRAMES)
    GOLDEN_SUBMISSIONS.add_missing(SUBMISSIONS)
