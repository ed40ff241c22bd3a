"""Specifications: the documents of the wire that are generated from the Structs.

JSON Schema: for validators. AsyncAPI: for tools that read descriptions of message APIs. TypeScript: for pages and editors.
Markdown: the tables of docs/protocol.md.
"""
