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
    turn = settings.turn

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
        turn=turn,
        limits=settings.sessions,
        makes_titles=lambda name: turn.title_by_model and not models.info(name).demo,
    )
