"""Provider streams: read chunks of an answer and assemble the reply.

readers: which streams are read directly, and by which decoder.
direct: reads server-sent events from the HTTP response. decoding: what a decoder takes and gives.
openai_chunks: decodes OpenAI's chat completion chunks. anthropic_events, responses_events, gemini_chunks, ollama_lines,
cohere_events: those of others.
iterated: reads a stream through LiteLLM's iterator for the provider. wrapped: through LiteLLM's wrapper around that.
assembler: makes text for the sink, and the reply, of the chunks.
watchdog: the time limit on a provider's silence.
"""
