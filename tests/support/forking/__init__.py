"""Forking: one process imports what test workers and test servers import, and each of them begins as a fork of it.

A worker imports for ten seconds of CPU, LiteLLM and its first call above all, and so does its zygote of servers (see
`tests/faults/process/zygote.py`). `starting.py` is used by the process that starts the workers, `process.py` is the one that
has imported, `worker.py` stands where pytest-xdist wants a Python interpreter.
"""
