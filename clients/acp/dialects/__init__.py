"""Dialects: how each version of the Agent Client Protocol writes updates and answers. Pure.

`dialects.v1` is what all clients speak; `dialects.v2` what they agree on at `initialize`. `dialects.base` says what each has to write.
"""
