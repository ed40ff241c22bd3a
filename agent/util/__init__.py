"""Util: helpers that every package of the agent, and the server, may use.

Executor: the threads for one kind of blocking work.
Process: a program that runs, with its pipes.
Place: the right to do one piece of work of a kind; each user and session may hold a few.
Holder: the session and user for whom work is done.
TaskOwner: starts asyncio tasks and ends them.
Backoff: the growing pauses between tries.
Tracer, Span: where operations report their beginning and end for tracing.
SettingsGroup: the base of every group of settings.
Fault: an unexpected error; the log has its traceback under an id, the client gets the id.
"""
