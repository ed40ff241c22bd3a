"""Model text made safe for UTF-8: surrogate halves joined, lone ones replaced. Pure."""


def mend(text: str) -> str:
    """The text with surrogate pairs joined to one code point and each lone surrogate made U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class Mender:
    """Mends a text that comes in pieces: a high surrogate at the end of one waits for its other half in the next."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, piece: str) -> str:
        if not self._held and piece.isascii():
            return piece
        piece = self._held + piece
        self._held = piece[-1] if piece and "\ud800" <= piece[-1] <= "\udbff" else ""
        return mend(piece[:-1] if self._held else piece)

    def rest(self) -> str:
        """What is still held back, at the end of the text."""
        held, self._held = self._held, ""
        return mend(held)
