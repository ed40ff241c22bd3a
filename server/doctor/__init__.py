"""`holdfast doctor`: looks at all that a server needs, before it is started or beside it, and says what to do.

finding.py   what a check says
machine.py   Python, descriptors, worker processes, the sandbox
folder.py    the data folder and the journal in it
network.py   address, way in, port
model.py     which model answers, and with `--online` whether it does
mcp.py       MCP servers of the config
command.py   the command: all checks in their order, as text or JSON
"""
