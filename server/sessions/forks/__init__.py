"""Forks: a new session that begins with what another one holds up to a position, and shares no writes with it.

Words: the **origin** is the session that is forked, the **fork** the new one. A fork has copies of the origin's events, of what
providers want back with them, and of its files as they are now; links into the origin do not lead into it. A **branch** is a fork
that was made to keep how the origin was before an edit: clients show it as an earlier version of the origin, not as a session of
its own.
"""
