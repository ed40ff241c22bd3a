"""AG-UI: tries an endpoint of the AG-UI protocol, which answers a run with events, as its clients do.

Order: the rules for the events of one run, which hold for every endpoint.
Conversation: the messages of a thread as one client has them; the checker sees them as events, numbered by their order.
Keeper: an endpoint that keeps its threads: asked without a message, it shows what was said. The protocol does not ask for that.
"""
