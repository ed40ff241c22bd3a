"""Local sandboxes: run commands on this machine, in bubblewrap or on the bare host, and hold them to their limits.

Probe: finds a bubblewrap that starts a sandbox here.
Launch: how bubblewrap is started; root starts it as a user without rights.
Quota: what a workspace may hold on disk; it is counted while a command runs.
Monitor: looks again and again at what a running command uses, and names the limit that it exceeds.
"""
