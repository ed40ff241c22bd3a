"""Agent Host Protocol (AHP), `GET /ahp`: sessions for editors that speak it, VS Code above all. Experimental, as the protocol is.

Words of this package, the protocol's own:

Channel: a URI to which a client subscribes: the root, a session, or a session's chat. Each of ours has one session and its one chat.
Action: a change of a channel's state. The host sends it in an envelope with its `serverSeq`; clients reduce it into their copy of the state.
Turn: a message of the user and everything until the next. An input that joins a running turn begins another here.
Part: a piece of the answer in a turn: a text, a reasoning, a tool call, a question.
Conversation (`conversation`): one session between the two protocols: events in, actions out. Pure; all else here is built around it.
Followed session: a session whose events go to one client, with its conversation.
"""
