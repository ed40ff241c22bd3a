"""Websockets: from the upgrade request to a connection that follows a session and hands in submissions.

Words of this package:

Handshake: what the client asks for before the upgrade: an encoding, and a position.
Position: the last event that a client has, by epoch and seq. The server sends what came after it, or a snapshot.
Connection: one accepted websocket, with a write task and a read task. Both end together.
Admission: whether one more client may follow a session.
Policy: what one client may submit, and how often.
Registry: the open websockets by credentials. The revocation watcher closes those whose credentials are not valid any more.
"""
