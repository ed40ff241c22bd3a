"""Other engines: Firefox and WebKitGTK, in which the promises of the page are tried. docs/page.md has the table of which test runs where."""
