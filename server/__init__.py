"""Server: sockets, sessions, the journal, settings and the command line. Imports the agent and the protocol."""

__version__ = "0.1.0"
