"""TLS: the certificates of this machine are read once."""

import ssl

from agent.util.tls import trusted


def test_the_certificates_are_read_once_and_servers_must_have_one_of_them() -> None:
    context = trusted()
    assert trusted() is context
    assert context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED
