"""The session's state machine: one input in, one decision out. Pure: no clock, no I/O.

Input: a submission of a client, or the result of an effect (`messages.py`).
Decision: the events, effects and answer that follow from one input.
Event: a fact of the session; it is stored before anybody sees it.
Effect: work for the worker, such as a model call; it begins once the decision's events are stored.
State: what follows from the session's events; `state.apply` folds an event into it.
Turn: model calls and tool calls from one user input until the model makes no more calls.
Compaction: a summary that the model writes takes the place of the older messages in the context.
"""
