"""ACP agent, `holdfast acp`: sessions of a Holdfast server for editors that speak the Agent Client Protocol on stdio.

Client: the editor, as the protocol calls it. Agent: this process, which is itself a client of the Holdfast server.
Mapping (`clients.acp.mapping`): what the client asks and what a session does in, messages and submissions out. Plain data, without I/O.
Dialect: one version of the protocol: how an update is written in it.
Held session: a session and its `SessionClient`, as long as the client has it open.
Update: a notification `session/update` of the protocol.
"""
