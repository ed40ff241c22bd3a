"""First call: LiteLLM does half of its importing in a process's first model call, which would look like a silent model."""

from agent.models import DeltaKind, ModelRequest, Models, ModelSettings
from tests.support.models.scripted_model import ScriptedModel, text


async def first_call() -> None:
    """One model call, and all that it imports."""

    async def sink(kind: DeltaKind, words: str) -> None:
        """Nobody listens."""

    async with ScriptedModel([text("hello")]) as model:
        models = Models(ModelSettings(api_base=model.api_base, api_key="secret-key", max_retries=0))
        await models.call(ModelRequest("openai/scripted", [{"role": "user", "content": "hello"}], []), sink)
        await models.aclose()
