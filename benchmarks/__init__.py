"""Benchmarks: what the server costs, each figure beside its floor in the same run. See `python -m benchmarks --help`.

Figure: one measured quantity, such as CPU a token.
Floor: the least that the same work could cost, measured in the same run: LiteLLM alone, a reader by hand, a bare server.
Ratio: the median of the paired runs' ratios of the server to its floor.
Bound: what a figure may be at most; a run that passes one ends with exit status 1.
Build: a checkout that can be run; `compare` measures two of them in turn.
"""
