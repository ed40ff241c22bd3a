"""Provider streams: read chunks of an answer and assemble the reply.

direct: reads OpenAI's server-sent events from the HTTP response.
wrapped: reads any provider's stream through LiteLLM.
assembler: makes text for the sink, and the reply, of the chunks.
watchdog: the time limit on a provider's silence.
"""
