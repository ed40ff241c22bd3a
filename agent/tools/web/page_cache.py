"""The long pages that a session fetched last: the rest of one is shown without fetching it again. Pure."""

from collections import OrderedDict

import msgspec


class Page(msgspec.Struct, frozen=True):
    """A page as it is shown: a line about it, its text, and whether there is more of it that was not read."""

    about: str
    text: str
    cut: bool


class PageCache:
    """Pages by URL, at most `chars_max` code points of text in all: the one that was kept longest goes first."""

    def __init__(self, chars_max: int) -> None:
        self._chars_max = chars_max
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._chars = 0

    def keep(self, url: str, page: Page) -> None:
        """In the place of what was kept of this URL. A page that is too long is not kept."""
        self.drop(url)
        if len(page.text) > self._chars_max:
            return
        self._pages[url] = page
        self._chars += len(page.text)
        while self._chars > self._chars_max:
            self.drop(next(iter(self._pages)))

    def get(self, url: str) -> Page | None:
        """What is kept of this URL."""
        return self._pages.get(url)

    def drop(self, url: str) -> None:
        """SaveFile it no longer."""
        page = self._pages.pop(url, None)
        self._chars -= 0 if page is None else len(page.text)
