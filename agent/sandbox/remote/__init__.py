"""Remote sandboxes: create, find and use a session's sandbox on the Hugging Face Hub, as a Job or as a Space.

Job: a machine that the Hub rents out by the minute; huggingface_hub's own `Sandbox` runs in it (experimental there).
Space: a private app of the owner's, duplicated from a template, in which our program (`in_space`) runs.
Owner: the session's user, whose token is used and who pays.
Upload: workspace files of the server are copied to the sandbox before each use.

Worth knowing. A claim in the journal comes first, then the request, then the claim's detail, by which the sandbox is found. The
claim's id is in the sandbox's name or label, so a claim without detail can be looked for. A sandbox is released by its claim alone,
never by an object in memory: deleting a session, the collection at start-up and the one after a failure are one way. A claim
without a sandbox is kept for a while: the request of a killed server may still be under way. A Space's secret is an HMAC of the
claim's id, with a key in the data folder (`sandbox.key`).
"""
