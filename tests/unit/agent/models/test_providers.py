"""Providers: tests of `agent.models.providers` against the LiteLLM that is installed."""

from agent.models.litellm_provider import lite
from agent.models.providers import ASYNC, GUARDED_PREPARES, PREPARES, PROVIDERS, REFUSED


def test_the_table_has_each_provider_of_the_library_once() -> None:
    """A new LiteLLM that adds one: measure how it is called, then add it to the table."""
    from litellm.llms.openai_like.json_loader import JSONProviderRegistry  # after the settings of `litellm_provider`

    known = {str(getattr(provider, "value", provider)) for provider in lite.provider_list}
    known |= set(JSONProviderRegistry.list_providers())
    known -= {"holdfast-demo"}
    assert known - PROVIDERS.keys() == set()
    assert PROVIDERS.keys() - known == set()
    assert len(ASYNC) + len(PREPARES) + len(GUARDED_PREPARES) + len(REFUSED) == len(PROVIDERS)


def test_a_provider_that_asks_first_is_guarded_only_if_what_it_asks_is() -> None:
    unguarded = {name for name, calls in PROVIDERS.items() if not calls.guarded}
    assert unguarded == set(PREPARES)
