"""Configuration: reads a server's settings from the config file, the environment and the command line.

Setting: a value that an operator may choose. Its key is dotted, such as `server.port`.
Group: settings that belong together, a class of the package that uses them. `settings.py` composes all groups.
Catalog: the list of all settings with type, unit, range, default and description, for documents and messages.
Interpolation: `${VAR}` in the config file is replaced by the environment variable VAR.
Removed setting: a key of an earlier version, whose value is built in now.
"""
