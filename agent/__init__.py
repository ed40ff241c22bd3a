"""The mind: one agent session, its state, its turns, its models and tools. Knows nothing of sockets, journals or HTTP."""
