"""Sandboxes: run an agent's commands and hold its files, on this machine or on the Hugging Face Hub.

Backend: a kind of sandbox (`local`, `host`, `hub`, `space`, `off`), set up once for a server; it creates each session's.
Remote sandbox: one on a machine of the Hub, which belongs to the session's owner and costs money while it runs.
Provider: creates, finds and deletes the remote sandboxes of one backend with one owner's token.
Client: speaks to one remote sandbox that is ready.
Claim: the journal's note of a remote sandbox, written before it is requested, so that none is lost and paid for.
"""
