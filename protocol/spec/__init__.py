"""Specifications: the documents of the wire that are generated from the Structs.

JSON Schema: for validators. AsyncAPI: for tools that read descriptions of message APIs. TypeScript: for pages and editors.
Markdown: the tables of docs/protocol.md.

Worth knowing. In the JSON Schema a field with a default is not required (an older server may not send it); in the TypeScript it is
(this server always does). A merged event carries the time of its last part.
"""
