"""Session: what the client is shown of it, and in what order."""

from typing import Any

from clients.acp.dialects.v1 import V1, Offers
from clients.acp.dialects.v2 import V2
from clients.session.outcomes import Rejected
from protocol import events as ev
from protocol import submissions as sub
from protocol.content import (
    AssistantMessage,
    FileChange,
    OpenCall,
    OpenMessage,
    PlanItem,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from protocol.view import View
from tests.support.acp.editor import kinds
from tests.unit.clients.acp.script import Script

CALL = ToolCall(tool_call_id="c1", tool="bash", arguments={"command": "ls\n-l"})


def history(**fields: Any) -> View:
    """A view with a turn that is over and one that runs."""
    return View(
        seq=30,
        model="small",
        title="A talk",
        messages=[
            UserMessage(text="first", submission_id="u1", turn_id="t1"),
            AssistantMessage("a1", "one", "why", [CALL], "tool_calls", False),
            ToolMessage("c1", "bash", "out", True, False, 3, "completed"),
            AssistantMessage("a2", "two", "", [], "stop", False),
            UserMessage(text="second", submission_id="u2", turn_id="t2"),
        ],
        open_message=OpenMessage("a3", "thr", ""),
        plan=[PlanItem("all", "pending")],
        usage=Usage(context_tokens=5, context_limit=100, cost_usd=0.25),
        state="running",
        turn_id="t2",
        **fields,
    )


def test_a_load_shows_the_history_then_answers_then_offers_commands() -> None:
    script = Script()
    script.mapping.view = history()
    script.opened("load")
    assert kinds(script.updates) == [
        "user_message_chunk",
        "agent_thought_chunk",
        "agent_message_chunk",
        "tool_call",
        "tool_call_update",
        "agent_message_chunk",
        "user_message_chunk",
        "agent_message_chunk",
        "plan",
        "session_info_update",
        "usage_update",
        "available_commands_update",
    ]
    assert script.text() == "onetwothr"
    assert "result" in script.messages[-2]
    script.says("ee", "a3", 3)
    script.said("three!", "a3")
    assert script.text() == "onetwothree!"


def test_a_resume_shows_nothing_that_was() -> None:
    script = Script()
    script.mapping.view = history()
    script.opened("resume")
    assert kinds(script.updates) == ["available_commands_update"]
    script.said("three", "a3")
    assert script.text() == "ee"


def test_events_before_the_view_was_whole_are_not_shown_twice() -> None:
    script = Script()
    script.mapping.view = history()
    script.keep(script.mapping.open("open", "load"))
    script.keep(script.mapping.take(ev.TitleChanged(seq=5, at="", title="old")))
    assert script.out == []
    script.opened("load")
    script.keep(script.mapping.take(ev.TitleChanged(seq=29, at="", title="old")))
    assert [u["title"] for u in script.updates if u["sessionUpdate"] == "session_info_update"] == ["A talk"]


def test_a_second_load_shows_all_again() -> None:
    script = Script()
    script.mapping.view = history()
    script.opened("load")
    first, script.out = script.updates, []
    script.keep(script.mapping.open("again", "load"))
    assert script.updates == first
    assert "configOptions" in script.answers["again"]


def test_after_a_snapshot_the_client_gets_what_it_missed_and_nothing_twice() -> None:
    script = Script().opened()
    script.prompted()
    script.says("on")
    script.reset(
        View(
            seq=60,
            model="small",
            messages=[
                UserMessage(text="hi", submission_id="s1", turn_id="t1"),
                AssistantMessage("m1", "one", "", [], "stop", False),
                UserMessage(text="more", submission_id="u2", turn_id="t2"),
                AssistantMessage("m2", "two", "", [], "stop", False),
            ],
        )
    )
    assert script.text() == "onetwo"
    assert script.text("user_message_chunk") == "more"


def test_a_message_that_came_whole_after_a_cut_is_shown_from_where_it_stopped() -> None:
    script = Script().opened()
    script.prompted()
    script.says("wh", kind="reasoning")
    script.says("on")
    script.said("one", reasoning="why")
    assert (script.text(), script.text("agent_thought_chunk")) == ("one", "why")


def test_a_chunk_that_overlaps_is_shown_once_also_beyond_the_basic_plane() -> None:
    script = Script().opened()
    script.says("🦉🦉")
    script.says("🦉x", offset=1)
    assert script.text() == "🦉🦉x"


def test_own_prompts_are_not_echoed_and_those_of_others_are() -> None:
    script = Script().opened()
    script.prompted("mine")
    script.done()
    script.accepted(sub.UserInput(id="other", text="theirs"))
    assert script.text("user_message_chunk") == ""
    script.begins("other", "t2")
    assert script.text("user_message_chunk") == "theirs"


def test_a_command_is_shown_by_itself_as_it_runs_and_ends() -> None:
    script = Script(cwd="/home/user/project").opened()
    script.event(ev.ToolCallEvent, tool_call_id="c1", tool="bash", arguments={"command": "ls\n-l"})
    script.event(ev.ToolCallEvent, tool_call_id="c2", tool="read", arguments={"path": "a/b.py"})
    script.event(ev.ToolStateChange, tool_call_id="c1", tool="bash", state="running", by="policy")
    script.event(ev.ToolLog, tool_call_id="c1", offset=0, text="one\n")
    script.event(ev.ToolLog, tool_call_id="c1", offset=4, text="two\n")
    script.event(
        ev.ToolOutput,
        tool_call_id="c1",
        tool="bash",
        output="one\ntwo\n",
        success=False,
        truncated=False,
        duration_ms=1,
    )
    calls = [one for one in script.updates if one.get("toolCallId")]
    assert calls[0]["title"] == "ls -l"
    assert calls[0]["rawInput"] == {"command": "ls\n-l"}
    assert (calls[1]["title"], calls[1]["locations"]) == ("Read a/b.py", [{"path": "/home/user/project/a/b.py"}])
    assert [one.get("status") for one in calls] == ["pending", "pending", "in_progress", None, None, "failed"]
    assert [one["content"][0]["content"]["text"] for one in calls[3:]] == ["one\n", "one\ntwo\n", "one\ntwo\n"]


def test_a_long_log_is_shown_by_its_end() -> None:
    script = Script().opened()
    script.event(ev.ToolCallEvent, tool_call_id="c1", tool="bash", arguments={"command": "ls"})
    script.event(ev.ToolLog, tool_call_id="c1", offset=0, text="x" * 100_000)
    text = script.updates[-1]["content"][0]["content"]["text"]
    assert len(text) < 9_000 and "cut: 92000 characters before" in text


def test_a_call_that_was_stopped_has_failed_with_the_same_words_live_and_loaded() -> None:
    live, loaded = Script().opened(), Script()
    live.event(
        ev.AssistantMessageEvent,
        message_id="a",
        text="",
        reasoning="",
        tool_calls=[CALL],
        finish_reason="x",
        sealed=False,
    )
    live.event(ev.ToolCallEvent, tool_call_id="c1", tool="bash", arguments=CALL.arguments)
    live.event(ev.ToolStateChange, tool_call_id="c1", tool="bash", state="rejected", by="user", feedback="not now")
    loaded.mapping.view = live.view
    loaded.opened("load")
    ended = [[u for u in one.updates if u["sessionUpdate"] == "tool_call_update"] for one in (live, loaded)]
    assert ended[0] == ended[1] and ended[0][0]["status"] == "failed"


def test_a_running_call_is_loaded_with_its_log() -> None:
    script = Script()
    script.mapping.view = View(seq=9, open_calls=[OpenCall("c1", "bash", {"command": "ls"}, "running", "so far")])
    script.opened("load")
    assert [one.get("status") for one in script.updates if one.get("toolCallId")] == ["pending", "in_progress", None]
    script.event(ev.ToolLog, tool_call_id="c1", offset=6, text="!")
    assert script.updates[-1]["content"][0]["content"]["text"] == "so far!"


def test_what_the_client_did_not_announce_is_not_sent_to_it() -> None:
    fields = {"old_tokens": 9, "new_tokens": 1, "summary": "short", "kept_from": 0, "operation_id": None}
    plain, able = Script().opened(), Script(V1(Offers(compaction=True, notices=True))).opened()
    for script in (plain, able):
        script.event(ev.Compacted, **fields)
        script.event(ev.UndoComplete, removed_messages=1, kept=[])
    assert kinds(plain.updates)[1:] == ["agent_message_chunk"]
    assert kinds(able.updates)[1:] == ["compaction_update", "notice"]


def test_the_options_follow_what_somebody_else_chose() -> None:
    script = Script().opened()
    assert script.answers["open"]["configOptions"][0]["currentValue"] == "small"
    [submission] = script.keep(script.mapping.set_option(3, {"configId": "model", "value": "large"}))
    assert submission == sub.SetModel(id="s1", model="large")
    script.accepted(sub.SetModel(id="s1", model="large"))
    assert script.answers[3]["configOptions"][0]["currentValue"] == "large"
    script.event(ev.ModelChanged, model="large")
    assert "config_option_update" not in kinds(script.updates)
    script.event(ev.ModelChanged, model="unlisted", reasoning_effort="low")
    options = script.updates[-1]["configOptions"]
    assert [one["currentValue"] for one in options] == ["unlisted", "low", "default"]
    assert {"value": "unlisted", "name": "unlisted"} in options[0]["options"]


def test_the_mode_is_an_option_and_has_the_older_form_too() -> None:
    script = Script().opened()
    assert script.answers["open"]["modes"]["currentModeId"] == "default"
    [option] = script.keep(script.mapping.set_option(3, {"configId": "mode", "value": "read-only"}))
    assert option == sub.SetMode(id="s1", mode="read-only")
    script.accepted(sub.SetMode(id="s1", mode="read-only"))
    assert script.answers[3]["configOptions"][2]["currentValue"] == "read-only"
    script.event(ev.ModeChanged, mode="read-only")
    assert kinds(script.updates) == ["available_commands_update"]
    script.event(ev.ModeChanged, mode="default")
    assert kinds(script.updates)[1:] == ["config_option_update", "current_mode_update"]
    script.keep(script.mapping.set_mode(4, {"modeId": "read-only"}))
    script.accepted(sub.SetMode(id="s2", mode="read-only"))
    assert script.answers[4] == {}
    script.keep(script.mapping.set_mode(5, {"modeId": "wild"}))
    script.take(Rejected("s3", "mode_unknown", "no such mode", False))
    assert script.answers[5]["code"] == -32602


def test_a_changed_file_is_shown_as_a_diff_with_its_place() -> None:
    patch = "--- a\n+++ b\n@@ -3,2 +3,2 @@\n same\n-old\n+new\n"
    change = FileChange("/home/user/p/a.py", "modify", patch, 4)
    done = {"tool": "edit", "output": "edited", "success": True, "truncated": False, "duration_ms": 1}
    for dialect in (V1(Offers()), V2(Offers())):
        script = Script(dialect).opened()
        script.event(ev.ToolCallEvent, tool_call_id="c1", tool="edit", arguments={"path": "a.py"})
        script.event(ev.ToolOutput, tool_call_id="c1", **done, changes=[change])
        update = script.updates[-1]
        assert update["locations"] == [{"path": "/home/user/p/a.py", "line": 4}]
        [diff] = update["content"]
        if dialect.version == 1:
            assert (diff["oldText"], diff["newText"]) == ("same\nold\n", "same\nnew\n")
        else:
            assert diff["changes"] == [{"operation": "modify", "path": "/home/user/p/a.py"}]
            assert diff["patch"]["text"].endswith(patch)


def test_a_change_without_a_path_of_this_machine_is_shown_by_the_output() -> None:
    script = Script().opened()
    done = {"tool": "edit", "output": "edited", "success": True, "truncated": False, "duration_ms": 1}
    script.event(ev.ToolCallEvent, tool_call_id="c1", tool="edit", arguments={"path": "a.py"})
    script.event(ev.ToolOutput, tool_call_id="c1", **done, changes=[FileChange("a.py", "modify", "@@\n-a\n+b\n")])
    assert script.updates[-1]["content"][0]["content"]["text"] == "edited"
