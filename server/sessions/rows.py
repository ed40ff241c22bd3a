"""What the info row keeps of a session beside its columns: what must be known of one that sleeps, without reading its events."""

import msgspec

from protocol.content import ShareLink


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """The row's `options`."""

    shares: list[ShareLink] = []


_decoder = msgspec.json.Decoder(Options)


def dump_options(options: Options) -> bytes:
    """As the row holds them."""
    return msgspec.json.encode(options)


def load_options(data: bytes) -> Options:
    """From the row."""
    return _decoder.decode(data)
