"""Model calls: what surrounds the request itself. Pure, except for `places` and `turns`.

learned: what a process has learned of models from their servers: that one takes no tools, how much context it has.
listing: the context of a model in a server's list of models.
without_tools: a conversation with tool calls as one without, for models that take none.
counting: the tokens of a call, as the provider counted them or as an estimate.
places: how many calls of a model may run at once.
turns: the calls of one user are made ready one after another.
"""
