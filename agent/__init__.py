"""The agent: one session's decisions, its model calls, its tools and their sandboxes. Knows no socket, journal or HTTP server.

session: the state machine that decides what follows from each input.
worker: runs the effects that the session decides on.
models: calls of language models, through LiteLLM.
tools: what a model can call.
sandbox: where commands run, on this machine or elsewhere.
workspace: the files of a session.
hub: the client of the Hugging Face Hub.
policy: whether a call runs, needs an approval, or is refused.
redaction: takes secrets out of text.
util: small helpers without a subject of their own.
"""
