"""Remote sandboxes: create, find and use a session's sandbox on the Hugging Face Hub, as a Job or as a Space.

Job: a machine that the Hub rents out by the minute; huggingface_hub's own `Sandbox` runs in it (experimental there).
Space: a private app of the owner's, duplicated from a template, in which our program (`in_space`) runs.
Owner: the session's user, whose token is used and who pays.
Upload: workspace files of the server are copied to the sandbox before each use.
"""
