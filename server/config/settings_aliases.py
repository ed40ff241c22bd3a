"""The body's knobs by their older names: keys that a config file may have at its top level, and where they belong."""

from typing import Any

ALIASES = {
    "yolo_mode": "policy.yolo_mode",
    "confirm_cpu_jobs": "policy.confirm_cpu_jobs",
    "auto_file_upload": "policy.auto_file_upload",
    "save_sessions": "export.save_sessions",
    "session_dataset_repo": "export.session_dataset_repo",
}
"""Key at the top level -> the setting that it stands for."""


def put_in_place(tree: dict[str, Any]) -> str | None:
    """Move the keys to where they belong, in place; a complaint if a setting is there under both of its names."""
    for alias in [alias for alias in ALIASES if alias in tree]:
        value, key = tree.pop(alias), ALIASES[alias]
        *groups, name = key.split(".")
        group: Any = tree
        for part in groups:
            group = group.setdefault(part, {}) if isinstance(group, dict) else None
        if not isinstance(group, dict):
            continue  # no group of settings: that is the complaint to come
        if name in group:
            return f"{alias}: the same as {key}, which is there too; leave one of them out"
        group[name] = value
    return None
