"""Provider state: what a provider wants back with a message of its model, kept as it came.

Provider state: encrypted reasoning, signed thinking blocks, signatures of tool calls. Only the provider can read most of it.
StateCollector: collects it from the chunks of one answer.
ProviderState: what was collected, as it is encoded for the session, which keeps it without reading it.
request: puts it back into the messages of the next call, under LiteLLM's names.

It is put back only for the model that made it, at the same address. A request is valid without it too: see `request`.
"""

from agent.models.provider_state.collector import StateCollector
from agent.models.provider_state.state import ProviderState, bytes_sent_back, redact_unsealed

__all__ = ["ProviderState", "StateCollector", "bytes_sent_back", "redact_unsealed"]
