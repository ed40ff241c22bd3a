"""Session client: one session over as many sockets as it takes, in Python. `SessionClient` is what a program uses.

Core: the client's state without I/O: frames in, outcomes out.
Position: the epoch and the `seq` of the last event that the client has; a new socket continues after it.
Outbox: submissions that have no final answer yet. They are sent again after a reconnect, and done once.
Outcome: what a frame means for the caller: an event, an answer to a submission, a change of the connection.
Feed: the bounded queue of outcomes between the client and its consumer.
Waiter: a caller that waits for an answer, or for the view to reach a state.
"""
