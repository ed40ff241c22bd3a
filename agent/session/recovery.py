"""Recovery: ends or keeps a session's work after a crash, a stop of the server, or a failure under it."""

from agent.session import restoring, turn
from agent.session.messages import CancelWork, Fail
from agent.session.session import Session
from protocol import events as ev
from protocol.content import ToolState


def on_recover(session: Session) -> None:
    """Nothing runs after a restart. A turn that only waits for approvals continues to wait; any other ends here.

    The restoration of files that was under way is repeated: ended here, it would leave them half restored.
    """
    session.model_call_id = session.summary_id = session.title_id = None
    if session.state.restoration is not None:
        restoring.go_on(session)
        return
    if session.state.view.pending_approval:
        _end_running(session, "outcome_unknown", "restart")
        return
    if session.working:
        turn_id = session.state.view.turn_id
        session.stop_work("outcome_unknown", "restart", "restart")
        session.emit(ev.Interrupted, turn_id=turn_id, reason="restart")
    turn.next_turn(session)


def on_stop(session: Session) -> None:
    """The server stops. Calls that wait for an approval continue to wait; queued inputs get their turns later.

    A restoration of files is stopped, and repeated by the next server.
    """
    if session.state.restoration is not None:
        session.drop_held_calls()
        session.add_effect(CancelWork())
    elif session.state.view.pending_approval:
        session.title_id = None
        session.add_effect(CancelWork())
        _end_running(session, "cancelled", "shutdown")
    elif session.working:
        turn_id = session.state.view.turn_id
        session.stop_work("cancelled", "shutdown", "shutdown")
        session.emit(ev.Interrupted, turn_id=turn_id, reason="shutdown")


def on_fail(session: Session, fault: Fail) -> None:
    """The server failed under the session: the work ends with an error, and the session goes on.

    Calls that ran may have been done; their outcome is not known.
    """
    view, turn_id = session.state.view, session.state.view.turn_id
    if view.pending_approval and fault.keeps_waiting:
        if not any(call.state == "running" for call in view.open_calls):
            return
        _end_running(session, "outcome_unknown", "policy")
        turn_id = None
    elif session.working:
        session.stop_work("outcome_unknown", "policy", "error")
    session.emit(ev.ErrorEvent, code=fault.code, message=fault.message, retryable=fault.retryable, turn_id=turn_id)
    turn.next_turn(session)


def _end_running(session: Session, state: ToolState, by: str) -> None:
    session.drop_held_calls()
    for call in [call for call in session.state.view.open_calls if call.state == "running"]:
        session.end_call(call, state, by)
