"""Nodes: several servers on one database, and what each may do. Only a journal in PostgreSQL has them.

Words of this package:

Node: one server process, by a random number that is new at each start.
Lease: the time until which a node may run sessions. It beats to make it longer.
Owner: the node that runs a session, or ran it last. Nobody takes a session from a node that lives.
Dead: a node whose lease is over and whom another node has declared so. That is for good; it goes on as a new node.
"""
