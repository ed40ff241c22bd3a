"""The network side of the process: listening sockets, the uvicorn server, and what a websocket can do beyond ASGI.

Listener: a bound TCP socket, made from the settings or handed over by a supervisor.
Unauthenticated connection: one that has not yet presented valid credentials. Their number and their time are limited.
Slot: one connection's share of that limit.
Transport: one websocket's connection. It can close or cut it without waiting for a peer that does not read.
Drain: the orderly stop. No new connections; sessions end their work, sockets get a close frame, then the process ends.
"""
