"""ACP: tries an agent of the Agent Client Protocol, version 1, over stdio: whether a session that is loaded again shows what was said.

Transcript: what a client was shown, as whole messages; they are numbered by their order, since the protocol gives no positions.
"""
