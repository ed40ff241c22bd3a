"""Strict provider: what the servers have in common that want the state of their model's messages back."""

import json
import re
from collections.abc import Iterable
from typing import Any

from tests.support.models.provider_streams import Body, Step

Refusal = str


class StrictProvider:
    """What all have: the plan of the user's message, and the record of what was refused. `issued`: by the first file of a message."""

    model = ""
    effort = ""

    def __init__(self) -> None:
        self.requests: list[Body] = []
        self.refusals: list[Refusal] = []
        self.steps: dict[str, Step] = {}
        self._files = 0

    def respond(self, body: Body) -> tuple[int, bytes]:
        """The status and the body of the response."""
        self.requests.append(body)
        wrong = self.refusal(body)
        if wrong is not None:
            self.refusals.append(wrong)
            return 400, json.dumps({"error": {"message": wrong, "type": "invalid_request_error", "code": 400}}).encode()
        return 200, self.stream(self._next(body))

    def refusal(self, body: Body) -> Refusal | None:
        """What is refused of a request, in the provider's words."""
        raise NotImplementedError

    def stream(self, step: Step) -> bytes:
        """The step as the provider sends it."""
        raise NotImplementedError

    def messages(self, body: Body) -> list[Body]:
        """The conversation as role, text and the files that are read."""
        raise NotImplementedError

    def _next(self, body: Body) -> Step:
        messages = self.messages(body)
        begins = max((place for place, message in enumerate(messages) if message["role"] == "user"), default=-1)
        plan = re.search(r"calls=([\d,]+)", str(messages[begins]["text"])) if body.get("tools") else None
        counts = [int(count) for count in plan[1].split(",")] if plan else []
        done = sum(1 for message in messages[begins + 1 :] if message["files"])
        count = counts[done] if done < len(counts) else 0
        files = [f"file-{self._files + number}.txt" for number in range(count)]
        self._files += max(1, count)
        step = Step(len(self.steps) + 1, files)
        self.steps[files[0] if files else step.text] = step
        return step

    def step_of(self, message: Body) -> Step | None:
        """The step that a message of the model was; None for one that this provider did not send."""
        return self.steps.get(message["files"][0] if message["files"] else message["text"])


def chat_message(message: Body) -> Body:
    """A message of a chat completion as its role, its text and the files that it reads."""
    calls: Iterable[Any] = message.get("tool_calls") or ()
    files = [json.loads(call["function"]["arguments"])["path"] for call in calls]
    content = message.get("content")
    text = "".join(part["text"] for part in content) if isinstance(content, list) else content or ""
    return {"role": message["role"], "text": text, "files": files}
