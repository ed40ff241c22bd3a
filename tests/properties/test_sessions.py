"""Sessions, properties: after any run of submissions, model scripts and crashes the history is valid and every resume is complete."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.policy.policy import Policy
from agent.session.messages import (
    Fail,
    Recover,
    RestoreFailed,
    SaveFailed,
    Stop,
    SummaryFailed,
    ToolLogged,
    ToolSpent,
    ToolStepped,
    WorkspaceRestored,
    WorkspaceSaved,
)
from protocol import codec
from protocol import view as views
from protocol.content import Step
from protocol.merge import Merger, after
from protocol.submissions import (
    Approval,
    Compact,
    ExecApproval,
    Interrupt,
    Restore,
    RevokeGrant,
    SetModel,
    Undo,
    Unshare,
)
from protocol.view import View
from tests.faults.harness.lengths import length
from tests.unit.agent.session.script import USAGE, Script, call

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
CALL = st.builds(
    call,
    st.sampled_from(["", "a", "b", "c"]),
    st.sampled_from(["read", "edit", "write", "write", "job", "no such tool", ""]),
    st.sampled_from(["{}", '{"path":"x"}', '{"path":1}', "{broken", "[]", ""]),
)
STEP = st.one_of(
    st.tuples(st.just("say"), TEXT, st.sampled_from(["queue", "steer"])),
    st.tuples(st.just("stream"), TEXT, st.sampled_from(["text", "reasoning"])),
    st.tuples(st.just("finish"), st.lists(CALL, max_size=3), st.sampled_from(["stop", "length"])),
    st.tuples(st.just("tool"), st.integers(0, 3), TEXT),
    st.tuples(st.just("log"), st.integers(0, 3), TEXT),
    st.tuples(st.just("step"), st.integers(0, 3), st.sampled_from(["s1", "s2"]), st.none() | TEXT),
    st.tuples(st.just("spend"), st.integers(0, 3)),
    st.tuples(st.just("answer"), st.lists(st.booleans(), min_size=1, max_size=3), TEXT),
    st.tuples(st.just("answer for the session")),
    st.tuples(st.sampled_from(["fail", "interrupt", "undo", "compact", "summary", "no summary", "model"])),
    st.tuples(st.sampled_from(["revoke", "guest answers for the session", "unshare"])),
    st.tuples(st.sampled_from(["saved", "not saved", "restore", "restored", "not restored"])),
    st.tuples(st.sampled_from(["restart", "stop", "fault"])),
)


def play(script: Script, step: tuple[object, ...]) -> None:
    """Do a step if it makes sense now; what makes none is refused or ignored, which is a step too."""
    view = script.view
    match step:
        case ("say", str(text), when):
            script.say(text, when=when)
        case ("stream", str(text), kind):
            script.stream(text, kind)
        case ("finish", list(calls), str(reason)):
            if script.session.model_call_id:
                script.finish(*calls, reason=reason)
        case ("tool", int(number), str(text)):
            if number < len(view.open_calls):
                script.tool_done(view.open_calls[number].tool_call_id, text)
        case ("log", int(number), str(text)):
            if number < len(view.open_calls):
                script.handle(ToolLogged(view.open_calls[number].tool_call_id, text))
        case ("step", int(number), str(step_id), text):
            if number < len(view.open_calls):
                inner = Step(step_id, "read", {"path": step_id})
                if isinstance(text, str):
                    inner = Step(step_id, "read", {"path": step_id}, text, True, 3)
                script.handle(ToolStepped(view.open_calls[number].tool_call_id, inner))
        case ("spend", int(number)):
            if number < len(view.open_calls):
                script.handle(ToolSpent(view.open_calls[number].tool_call_id, USAGE))
        case ("answer for the session",):
            granted = [pending for pending in view.pending_approval if isinstance(pending.grant, str)]
            if granted:
                script.approve_for_session(granted[0].tool_call_id)
        case ("guest answers for the session",):
            granted = [pending for pending in view.pending_approval if isinstance(pending.grant, str)]
            if granted:
                answer = Approval(granted[0].tool_call_id, True, scope="session")
                script.submit(ExecApproval(approvals=[answer]), script.link())
        case ("unshare",):
            if view.shares:
                script.submit(Unshare(share_id=view.shares[0].share_id))
        case ("revoke",):
            if view.grants:
                script.submit(RevokeGrant(grant=view.grants[0]))
        case ("answer", list(answers), str(text)):
            pairs = list(zip(view.pending_approval, answers, strict=False))
            if pairs:
                script.submit(ExecApproval(approvals=[Approval(p.tool_call_id, yes, text) for p, yes in pairs]))
        case ("fail",):
            script.model_fails()
        case ("interrupt",):
            script.submit(Interrupt())
        case ("undo",):
            script.submit(Undo())
        case ("compact",):
            script.submit(Compact())
        case ("summary",):
            script.summarised()
        case ("no summary",):
            script.handle(SummaryFailed(script.session.summary_id or "", "model_timeout", "silent", True))
        case ("model",):
            script.submit(SetModel(model=f"m{len(script.events)}"))
        case ("saved",):
            kept = [snapshot.snapshot_id for snapshot in view.snapshots][-3:]
            snapshot_id = script.session.saving or ""
            script.handle(WorkspaceSaved(snapshot_id, 3, 0, (*kept, snapshot_id)))
        case ("not saved",):
            script.handle(SaveFailed(script.session.saving or "", "full"))
        case ("restore",):
            if view.snapshots:
                script.submit(Restore(snapshot_id=view.snapshots[0].snapshot_id))
        case ("restored",):
            if (restoration := script.session.state.restoration) is not None:
                script.handle(WorkspaceRestored(restoration.operation_id, 1, 1, (), 0))
        case ("not restored",):
            if (restoration := script.session.state.restoration) is not None:
                script.handle(RestoreFailed(restoration.operation_id, "gone"))
        case ("restart",):
            script.restart()
            script.handle(Recover())
        case ("stop",):
            script.handle(Stop())
            script.restart()
            script.handle(Recover())
        case ("fault",):
            script.handle(Fail("internal", "a fault", True))


def views_along(script: Script) -> list[View]:
    """The view after each event, the empty one first."""
    view = View(model="test/model")
    along = [copy.deepcopy(view)]
    for event in script.events:
        views.apply(view, codec.decode_event(codec.encode(event)))
        along.append(copy.deepcopy(view))
    return along


@settings(max_examples=length(30, 150), deadline=None)
@given(steps=st.lists(STEP, max_size=40), small=st.booleans())
def test_a_client_that_resumes_at_any_seq_ends_in_the_view_of_one_that_never_left(
    steps: list[tuple[object, ...]], small: bool
) -> None:
    limit = 200 if small else 100_000
    policy = Policy(spending_limit_usd=5.0, yolo_mode=small)
    script = Script(context_limit=lambda model: limit, overhead_tokens=5, policy=policy, saves_workspace=True)
    for step in steps:
        play(script, step)
    along = views_along(script)
    for position in range(len(along)):
        raw = views.from_snapshot(views.to_snapshot(along[position]))
        raw = copy.deepcopy(raw)
        replayed = copy.deepcopy(raw)
        merger = Merger()
        merged = [ready for event in script.events[position:] for ready in merger.push(event)] + merger.flush()
        for event in script.events[position:]:
            views.apply(raw, event)
        for event in merged:
            views.apply(replayed, codec.decode_event(codec.encode(event)))
        assert raw == along[-1]
        assert replayed == along[-1]


@settings(max_examples=length(30, 60), deadline=None)
@given(steps=st.lists(STEP, max_size=40))
def test_a_record_merged_across_a_position_changes_nothing_before_it(steps: list[tuple[object, ...]]) -> None:
    script = Script()
    for step in steps:
        play(script, step)
    along = views_along(script)
    merger = Merger()
    stored = [ready for event in script.events for ready in merger.push(event)] + merger.flush()
    for position in range(len(along)):
        view = copy.deepcopy(along[position])
        for event in stored:
            if event.seq > position:
                views.apply(view, after(event, position))
        assert view == along[-1]


@settings(max_examples=length(25, 100), deadline=None)
@given(steps=st.lists(STEP, max_size=30))
def test_the_next_input_is_always_accepted(steps: list[tuple[object, ...]]) -> None:
    script = Script(queued_inputs_max=1_000, saves_workspace=True)
    for step in steps:
        play(script, step)
    script.restart()
    script.handle(Recover())
    assert script.say("are you there?")[0] == "accepted"
    for _ in range(len(script.view.queued) + 3):
        if script.session.saving:
            play(script, ("saved",))
        play(script, ("restored",))
        if script.session.model_call_id:
            script.stream("yes")
            script.finish()
    assert script.view.state == "idle"
