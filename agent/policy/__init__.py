"""The approval policy: decides whether a tool call runs, needs an approval, or is refused.

Effects: what a call would do outside the workspace, as the tool declares it.
Rule: an operator's setting; the first one that matches a call decides.
Verdict: the policy's answer for one call: allow, ask or deny.
Grant: a tool, or an operation of it, that a user has allowed for the rest of a session.
"""
