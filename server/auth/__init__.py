"""The body's door: who is asking, by which way in, and whether they still may.

principal.py   who was let in, and what they may; what is said to who was not
access.py      the one table of what each route needs
presented.py   the credentials that a request carries; cookies.py: the one that a login leaves in a browser
authenticator.py        `authenticate` and `is_valid`: the one way in for HTTP and for sockets alike
local.py       the token of one user on one machine;  tokens.py: API tokens, hashed in a file
oauth.py       login at an OpenID provider (provider.py);  bearer.py: Hugging Face tokens;  rights.py: what those may
logins.py      browsers that logged in;  login_store.py: kept on disk;  seal.py: their secrets encrypted
login_routes, oauth_routes: the routes /auth/*
failures.py    who brings wrong credentials too often
watch.py       ends the sockets whose credentials ran out
"""
