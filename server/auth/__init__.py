"""Authentication and authorization: who sends a request, and what they may do.

Credentials: what a request carries: a token in `Authorization`, or a login's cookie.
Backend: one mode of authentication (`auth.mode`): local, API tokens, OAuth (OpenID Connect), Hugging Face tokens.
Authenticator: turns credentials into a principal, for HTTP requests and websockets alike, with the backend of the mode.
Principal: an authenticated user, with their rights and the name of the credential.
Login: a browser that exchanged a token for a cookie. Only the cookie's hash is kept.
Origin key: a secret that the browser must send beside its cookie on this machine, where cookies go to every port.
Sealed: encrypted, for what a login must keep of the token that it came from.
Revalidate: look again whether a credential is still valid, for a websocket that stays open.
Share link: a link to one session. Its holder is a guest; the link's grant says what they may do there.
Need: what a path requires of the caller. The rules by path are handed in; this package knows no path.

Worth knowing. A principal carries the name of its credential, never the credential. Open sockets are checked again every few
seconds, and at the moment the next credential expires. Credential files are read again when they change, so revoking is writing
a file. Credentials in a database are kept as they were seen, and asked for again as often as open sockets are checked. Connections without credentials are few, have small heads, and last ten seconds at most.
"""
