"""Sessions: runs each session as one actor, stores its events, and delivers them to any number of followers.

Words of this package:

Actor: the only writer of a session. It decides, records, publishes and starts effects, one step at a time.
Active, awake: the session has an actor in memory. Asleep: it is in the journal alone, and costs no memory.
Activate, evict: start a session's actor; stop one that is idle, to make room or to free memory.
Inbox: what waits for an actor: submissions, interrupts, reports of its worker.
Recorder: appends an actor's events to the journal, and merges them after a turn.
Head: the seq of a session's last stored event.
Cursor: one follower's position in a session's events. Tail: the newest events, kept in memory for cursors.
Out-of-band frame: a frame without a seq, for one follower.
Row: what the journal knows of a session without its events.
Claim: a remote sandbox that a session has, or may have. The collector deletes those of sessions that are over.

It knows nothing of HTTP and ASGI.
"""
