"""Page cache: keeps the long pages that a session fetched last, so that the rest of one needs no other fetch. Pure."""

import msgspec


class Page(msgspec.Struct, frozen=True):
    """A page as it is shown: a line about it, its text, and whether a part of it was not read (`cut`)."""

    about: str
    text: str
    cut: bool


class PageCache:
    """Pages by URL, at most `chars_max` code points of text in all. The oldest are dropped first."""

    __slots__ = ("_chars", "_chars_max", "_pages")

    def __init__(self, chars_max: int) -> None:
        self._chars_max = chars_max
        self._pages: dict[str, Page] = {}
        self._chars = 0

    def keep(self, url: str, page: Page) -> None:
        """Store the page of this URL, in place of an older one. A page that is too long is not stored."""
        self.drop(url)
        if len(page.text) > self._chars_max:
            return
        self._pages[url] = page
        self._chars += len(page.text)
        while self._chars > self._chars_max:
            self.drop(next(iter(self._pages)))

    def get(self, url: str) -> Page | None:
        """The stored page of this URL, or None."""
        return self._pages.get(url)

    def drop(self, url: str) -> None:
        """Remove the page of this URL, if one is stored."""
        page = self._pages.pop(url, None)
        self._chars -= 0 if page is None else len(page.text)
