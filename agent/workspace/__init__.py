"""Workspaces: read, write and list the files of one session in its own folder, within bounds.

Workspace: the folder of one session on the server's disk; no path and no link leads out of it.
SessionFiles: the interface of a session's files, wherever they are; Sandbox adds commands to it.
Entry: one name in a folder: its path, its kind, its size and when it was changed.
AGENTS.md: a file with the project's notes for agents (https://agents.md).
"""
