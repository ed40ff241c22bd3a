"""Provider errors: what the bodies of providers' errors say, and of which kind an error is. Pure.

words: the provider's own message in a body, its codes, how long it asks to wait, and how much context its model takes.
kinds: the code of an error, by its HTTP status, the provider's codes and its words.
"""
