"""HTTP: the routes besides the websocket, and the middleware in front of both.

Endpoint: one method of one path, with its need, handler, query, body, answers and refusals. `table` holds all of them.
Routes: a class with the handlers of one subject, and the list of its endpoints.
Schema: a Struct that a route takes or answers; the OpenAPI document is made from it.
Refusal: an error answer, `{"code", "message"}` (`server.util.refusal`).
Access middleware: checks Host and Origin and authenticates each request and websocket before anything else.
"""
