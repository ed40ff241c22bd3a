"""The network side of the process: listening sockets, the uvicorn server, and what a websocket can do beyond ASGI.

Listener: a bound TCP socket, made from the settings or handed over by a supervisor.
Unauthenticated connection: one that has not yet presented valid credentials. Their number and their time are limited.
Slot: one connection's share of that limit.
Transport: one websocket's connection. It can close or cut it without waiting for a peer that does not read.
Drain: the orderly stop. No new connections; sessions end their work, sockets get a close frame, then the process ends.

Worth knowing. The lifespan is entered outside uvicorn, so that a fault at start-up is an exception that the command line can say
in one line. At a stop sessions end what they do and say so, sockets get 1001 with a reason, then uvicorn closes what is left, then
the lifespan closes the journal; the process ends at once after that, because unloading LiteLLM takes seconds. The default host
listens on `127.0.0.1` and `::1`: clients that look up `localhost` may try either first. A socket whose client takes nothing for
`send_timeout_s` gets a close frame (4408) behind what waits, and is aborted after a grace. What is measured is whether bytes leave
the process, not how long a send takes: a client on a slow line in the middle of a large snapshot is not stalled.
"""
