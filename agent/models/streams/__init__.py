"""Provider streams: read chunks of an answer and assemble the reply.

readers: which streams are read directly, and by which decoder.
direct: reads server-sent events from the HTTP response. decoding: what a decoder takes and gives.
openai_chunks: decodes OpenAI's chat completion chunks. anthropic_events, responses_events, gemini_chunks: those of others.
wrapped: reads any provider's stream through LiteLLM.
assembler: makes text for the sink, and the reply, of the chunks.
watchdog: the time limit on a provider's silence.
"""
