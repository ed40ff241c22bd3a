"""The body's rules: what one session decides by, from the settings and from what the server knows."""

from collections.abc import Callable, Sequence

import msgspec

from agent.models import Models
from agent.session.messages import SubmissionRefusal
from agent.session.session import Rules
from agent.tools import ToolRouter
from server.config.settings import Settings
from server.telemetry.secrets import KnownSecrets


def make_rules(
    settings: Settings,
    models: Models,
    secrets: KnownSecrets,
    tools: ToolRouter,
    refuse_work: Callable[[], SubmissionRefusal | None],
    offered: Sequence[str],
) -> Rules:
    """The rules of a session with these tools. `refuse_work`: why its owner may not begin more; `offered`: models to choose from."""
    turn, sessions = settings.turn, settings.sessions

    def refuse_model(name: str) -> str | None:
        if settings.model.allow_other_models or name in offered:
            return None
        said = msgspec.json.encode(name).decode()
        return f"this server does not offer {said}; choose one of: {', '.join(offered)}"

    return Rules(
        tools=tools,
        context_limit=lambda name: models.info(name).context_limit,
        refuse_model=refuse_model,
        refuse_work=refuse_work,
        redactor=secrets.for_sessions,
        policy=settings.policy.policy(),
        system_prompt=settings.model.system_prompt,
        overhead_tokens=turn.overhead_tokens,
        max_iterations=turn.max_iterations,
        max_tool_calls=turn.max_tool_calls_per_message,
        repeated_calls_noted=turn.repeated_calls_noted,
        repeated_calls_max=turn.repeated_calls_max,
        queued_inputs_max=sessions.queued_inputs_max,
        history_chars_max=sessions.history_chars_max,
        makes_titles=lambda name: turn.title_by_model and not models.info(name).demo,
        title_max_tokens=turn.title_max_tokens,
        title_timeout_s=turn.title_timeout_s,
        compact_at=turn.compact_at,
        keep_fraction=turn.keep_fraction,
        chunk_max_chars=turn.chunk_max_chars,
    )
