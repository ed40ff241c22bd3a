"""AG-UI's own client with the real server: text, calls, approvals, a cut, a restart, and a page that was loaded anew."""

from base64 import b64encode
from pathlib import Path

import msgspec

from protocol import events as ev
from protocol.submissions import Approval, ExecApproval
from tests.support.compatible.ag_ui import node_agent
from tests.support.compatible.settings import compatible
from tests.support.live import client, listening
from tests.support.models.images import messages_of, png
from tests.support.models.scripted_model import Call, Finish, Gate, Reason, ScriptedModel, Text, calls, stream, text

THREAD = "c0ffee00-aaaa-4bbb-8ccc-123456789012"
PNG = b64encode(png()).decode()
WRITES = Call("write", {"path": "a.txt", "content": "x"}, id="call-1")


async def test_a_thread_is_a_session_with_text_calls_and_approvals(tmp_path: Path) -> None:
    script = [stream(Reason("Hm."), Text("Hel"), Text("lo."), Finish()), calls(WRITES), text("Done."), text("Bye.")]
    async with ScriptedModel(script) as model, listening(compatible(tmp_path, model)) as live:
        async with node_agent(live.http, THREAD) as agent:
            hello = await agent.run("hi")
            assert hello.error is None
            assert [(one["role"], one["content"]) for one in hello.messages] == [
                ("user", "hi"),
                ("reasoning", "Hm."),
                ("assistant", "Hello."),
            ]
            assert hello.events[-1]["outcome"] == {"type": "success"}
            [used] = hello.events[-1]["usage"]
            assert used["totalTokens"] == used["inputTokens"] + used["outputTokens"] > 0

            asked = await agent.run("write a file")
            [interrupt] = asked.interrupts
            assert interrupt["toolCallId"] == "call-1"
            assert interrupt["metadata"]["holdfast"]["arguments"] == WRITES.arguments
            session_id = hello.events[0]["metadata"]["holdfast"]["sessionId"]
            async with client(live, session_id) as page:  # the session is one like any other
                await page.synced()
                assert [one.tool_call_id for one in page.view.pending_approval] == ["call-1"]

            done = await agent.answer(asked.interrupts, {"approved": True})
            assert done.interrupts == []
            assert done.texts("assistant") == ["Hello.", "", "Done."]
            [result] = [one for one in done.messages if one["role"] == "tool"]
            assert result["toolCallId"] == "call-1" and "a.txt" in result["content"]
            again = await agent.run("bye")
            assert again.texts("assistant")[-1] == "Bye."
            assert [request.messages[-1]["content"] for request in model.requests][-1] == "bye"
            assert len(model.requests) == 4


async def test_a_run_that_was_cut_goes_on_and_nothing_is_shown_twice(tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("One, "), gate, Text("two."), Finish()), calls(WRITES), text("Done.")]
    async with ScriptedModel(script) as model, listening(compatible(tmp_path, model)) as live:
        async with node_agent(live.http, THREAD) as agent:
            cut = await agent.run("count", cutAfter=4)  # started, title, the message's start and its first text
            assert cut.texts("assistant") == ["One, "]
            gate.open()
            whole = await agent.run()
            assert (whole.error, whole.texts("assistant")) == (None, ["One, two."])
            assert (await agent.run()).texts("assistant") == ["One, two."]
            anew = await agent.run(forget=True)
            assert [one["content"] for one in anew.messages] == ["count", "One, two."]

            asked = await agent.run("write", cutAfter=2)
            asked = await agent.run()
            [call] = [call for one in asked.messages for call in one.get("toolCalls") or ()]
            assert msgspec.json.decode(call["function"]["arguments"]) == WRITES.arguments
            first = asked.interrupts
            cut = await agent.answer(first, {"approved": True}, cutAfter=1)
            done = await agent.answer(first, {"approved": True})
            assert done.texts("assistant") == ["One, two.", "", "Done."]
            assert len([one for one in done.messages if one["role"] == "tool"]) == 1
            assert len(model.requests) == 3


async def test_a_run_comes_back_after_the_server_was_restarted(tmp_path: Path) -> None:
    gate = Gate()
    script = [text("Hello."), stream(Text("Half "), gate, Text("done."), Finish()), text("Again.")]
    async with ScriptedModel(script) as model:
        async with listening(compatible(tmp_path, model)) as live, node_agent(live.http, THREAD) as agent:
            await agent.run("hi")
            cut = await agent.run("work", cutAfter=3)
            assert cut.texts("assistant") == ["Hello.", "Half "]
        async with listening(compatible(tmp_path, model, live.port)) as live, node_agent(live.http, THREAD) as agent:
            anew = await agent.run()
            assert [one["content"] for one in anew.messages] == ["hi", "Hello.", "work", "Half "]
            failed = await agent.run(run={})
            assert failed.types == ["RUN_STARTED", "RUN_ERROR"]
            assert failed.events[-1]["code"] == "shutdown"
            assert (await agent.run("again")).texts("assistant")[-1] == "Again."
            assert len(model.requests) == 3


async def test_the_model_is_told_the_applications_context_and_shown_images(tmp_path: Path) -> None:
    script = [text("A dot."), text("Still."), text("Bye.")]
    async with ScriptedModel(script) as model, listening(compatible(tmp_path, model)) as live:
        async with node_agent(live.http, THREAD) as agent:
            image = {"type": "image", "source": {"type": "data", "value": PNG, "mimeType": "image/png"}}
            where = {"context": [{"description": "The page", "value": "cart"}]}
            seen = await agent.run([{"type": "text", "text": "what is this?"}, image], run=where, state={"items": 2})
            assert (seen.error, seen.texts("assistant")) == (None, ["A dot."])
            parts = messages_of(model.requests[0])[-1]["content"]
            (shown,) = [one["image_url"]["url"] for one in parts if one["type"] == "image_url"]
            assert shown == f"data:image/png;base64,{PNG}"
            told = "".join(one.get("text", "") for one in parts)
            assert "what is this?" in told and "The page: cart" in told and '{"items":2}' in told
            elsewhere = {"context": [{"description": "The page", "value": "help"}]}
            assert (await agent.run(run=elsewhere)).texts("assistant") == ["A dot."], "the same message, sent again"
            await agent.run("and now?", run=elsewhere)
            assert "The page: help" in str(model.requests[1].messages[-1]["content"])
            anew = await agent.run(forget=True)
            assert [one["content"] for one in anew.messages][::2] == ["what is this?", "and now?"]
            tools = {"tools": [{"name": "show", "description": "Show it", "parameters": {}}]}
            refused = await agent.run("show it", run=tools)
            assert refused.error is not None and "`tools` of the client are not taken" in refused.error
            assert len(model.requests) == 2


async def test_an_answer_that_came_too_late_is_told_with_what_happened(tmp_path: Path) -> None:
    script = [calls(WRITES), text("Not written.")]
    async with ScriptedModel(script) as model, listening(compatible(tmp_path, model)) as live:
        async with node_agent(live.http, THREAD) as agent:
            asked = await agent.run("write")
            async with client(live, asked.events[0]["metadata"]["holdfast"]["sessionId"]) as page:
                await page.synced()
                await page.send(ExecApproval(approvals=[Approval("call-1", False, "not now")]))
                await page.until_type(ev.TurnComplete)
            late = await agent.answer(asked.interrupts, True)
            refused = next(event for event in late.events if event.get("name") == "holdfast.refused")
            assert refused["value"]["code"] == "approval_stale"
            [result] = late.texts("tool")
            assert result.endswith("not now")
            assert late.texts("assistant") == ["", "Not written."]
