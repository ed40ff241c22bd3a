"""A client of the Agent Host Protocol: its types, its reducers, a socket."""
