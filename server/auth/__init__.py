"""The body's door: who is asking, by which way in, and whether they still may.

principal.py   who was let in, and what they may; what is said to who was not
access.py      the one table of what each route needs
presented.py   the credentials that a request carries; cookies.py: the one that a login leaves in a browser
ways.py        `authenticate` and `still_good`: the one way in for HTTP and for sockets alike
local.py       the token of one user on one machine;  tokens.py: API tokens, hashed in a file
logins.py      browsers that logged in;  login_store.py: kept on disk;  seal.py: their secrets encrypted
watch.py       ends the sockets whose credentials ran out
"""
