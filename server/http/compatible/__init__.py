"""Compatible protocols: those of others over HTTP, mapped onto sessions.

Words of this package:

Thread: a conversation as such a client names it; a session by another name.
Run: what a client follows of a session in one request: from its input, or its answers, to the end of the turn or to a question.
Mapping: makes the messages of the other protocol out of a run's events. Pure.
Feed: gives a run's events as they are stored, those of the past from the journal.
Event stream: an answer of server-sent events, which ends in one place.
"""
