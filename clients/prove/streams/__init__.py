"""Streams: tries a server of the Durable Streams protocol, which keeps messages in streams, and has readers come back by an offset.

Message: what is appended. Each has a number, so that the checker knows what is missing; it sees an event of that number.
Reader: follows the stream by server-sent events, or by long polls, and comes back with the last offset it was told.
Writer: appends under producer numbers, and sends again what has no answer. The checker sees its answers as events.
"""
