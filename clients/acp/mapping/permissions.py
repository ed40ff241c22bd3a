"""Permissions: calls that wait for approval, as requests to the client, and what its answers mean. Pure.

A request is withdrawn (`$/cancel_request`) when the call was answered elsewhere. Half of the clients do not answer then, so nothing waits
for it; an answer that comes late is taken as stale.
"""

from collections.abc import Callable, Sequence

from clients.acp.dialects.v1 import V1
from clients.acp.rpc import Message, RequestId, Response, notification, request
from protocol.content import PendingTool
from protocol.submissions import Approval

ONCE, ALWAYS, REJECT, NEVER = "once", "session", "reject", "never"


class Permissions:
    """The requests of one session. `next_id` gives an id that no other request of this process has."""

    def __init__(self, dialect: V1, next_id: Callable[[], int]) -> None:
        self._dialect = dialect
        self._next_id = next_id
        self._asked: dict[str, int | None] = {}  # by call; None: the client answered, or put it aside
        self._calls: dict[RequestId, str] = {}

    def ask(self, session_id: str, pending: Sequence[PendingTool], cwd: str | None) -> list[Message]:
        """Requests for those of the waiting calls about which the client was not asked."""
        messages: list[Message] = []
        for one in pending:
            if one.tool_call_id not in self._asked:
                number = self._next_id()
                self._asked[one.tool_call_id] = number
                self._calls[number] = one.tool_call_id
                params = {"sessionId": session_id, **self._dialect.permission(one, _options(one), cwd)}
                messages.append(request(number, "session/request_permission", params))
        return messages

    def withdraw(self, call_id: str) -> list[Message]:
        """The call does not wait any more."""
        number = self._asked.pop(call_id, None)
        if number is None:
            return []
        del self._calls[number]
        return [notification("$/cancel_request", {"requestId": number})]

    def keep(self, pending: Sequence[PendingTool]) -> list[Message]:
        """Withdraw all but these."""
        waiting = {one.tool_call_id for one in pending}
        return [message for call in [*self._asked] if call not in waiting for message in self.withdraw(call)]

    def again(self, call_id: str) -> None:
        """The answer did not reach the call: the client is to be asked again."""
        self._asked.pop(call_id, None)

    def answered(self, response: Response) -> Approval | None:
        """What the client's answer says of the call. One that was put aside goes on waiting, here and elsewhere."""
        call_id = self._calls.pop(response.id, None)
        if call_id is None:
            return None
        self._asked[call_id] = None
        outcome = (response.result or {}).get("outcome")
        if not isinstance(outcome, dict) or outcome.get("outcome") != "selected":
            return None
        match outcome.get("optionId"):
            case "once":
                return Approval(tool_call_id=call_id, approved=True)
            case "session":
                return Approval(tool_call_id=call_id, approved=True, scope="session")
            case "reject":
                return Approval(tool_call_id=call_id, approved=False)
            case "never":
                return Approval(tool_call_id=call_id, approved=False, scope="session")
        return None


def _options(pending: PendingTool) -> list[Message]:
    always = {"optionId": ALWAYS, "name": "Allow for this session", "kind": "allow_always"}
    never = {"optionId": NEVER, "name": "Reject for this session", "kind": "reject_always"}
    return [
        {"optionId": ONCE, "name": "Allow", "kind": "allow_once"},
        *([always] if isinstance(pending.grant, str) else []),
        {"optionId": REJECT, "name": "Reject", "kind": "reject_once"},
        *([never] if isinstance(pending.grant, str) else []),
    ]
