"""Prove: tries whether a server keeps its sessions, and says what did not hold.

Step: one thing that is done: to say something, to cut a connection, to kill the server.
Case: a named list of steps, made from a seed, for one promise and one fault.
Trace: what was done and what each client received, in order.
Violation: a promise that a trace shows to be broken.
Witness: a client that reads the whole session at the end; the others are compared with what it sees.
"""
