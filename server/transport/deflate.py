"""Deflate: compression of websocket messages (RFC 7692), with no parameter in the answer that the client did not offer."""

from collections.abc import Sequence
from typing import Final

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.typing import ExtensionParameter

WINDOW_BITS: Final = 12
"""4 KiB of earlier text are compared: most of what compression gains, at a tenth of the memory of the usual 32 KiB."""

MEMORY_LEVEL: Final = 5
"""For zlib's table: 16 KiB."""


class OfferedDeflate(ServerPerMessageDeflateFactory):
    """The server's side of the extension. It may compress with a smaller window than the client expects without saying so.

    RFC 7692 lets a server add `server_max_window_bits` (section 7.1.2.1). Go's nhooyr/coder then does not connect.
    """

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """As the library's; the answer has only what was offered."""
        answer, extension = super().process_request_params(params, accepted_extensions)
        offered = {name for name, _ in params}
        return [parameter for parameter in answer if parameter[0] in offered], extension


DEFLATE: Final = OfferedDeflate(
    server_max_window_bits=WINDOW_BITS,
    client_max_window_bits=WINDOW_BITS,
    compress_settings={"memLevel": MEMORY_LEVEL},
)
