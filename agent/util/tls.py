"""TLS: the certificates that this machine trusts, read once in a process; each reading takes 30 ms, in which the loop stands."""

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """The context for all clients of httpx2, as that makes one for each: `SSL_CERT_FILE` and `SSL_CERT_DIR` choose others."""
    import httpx2  # late, since a server without such clients need not wait for it

    return httpx2.create_ssl_context()
