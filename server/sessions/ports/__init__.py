"""Session ports: one for each session that somebody on this server follows, or that is awake.

A socket is bound to its session's port, not to an actor: actors come and go, the port stays as long as anybody follows it.

Words of this package:

Port: delivers a session's events to its followers, tells them what it is now, and takes their submissions.
Sleeping state: the state of a session without an actor, loaded from the journal for its followers.
"""
