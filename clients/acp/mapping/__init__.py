"""Mapping: one session between the two protocols: requests and wire events in, messages and submissions out. Pure.

Session: `mapping.session` puts the parts together. Each part knows one thing:
Transcript: what the client was shown of the session's content, and what is new to it.
Prompts: prompts of the client without an answer yet, and the turns that they got.
Permissions: calls about which the client was asked.
Questions: what running calls ask of the user.
Settings: the model, how long it thinks, and the mode, as config options.
Activity: whether the session works, as version 2 tells it.
Continuation: what came after a position that the client has.
Content: a prompt's blocks as text; a tool call's title, kind and content.
"""
