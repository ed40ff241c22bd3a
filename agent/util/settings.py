"""Settings: the base class of each group of settings."""

import msgspec


class SettingsGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that belong together. Each field has a type with bounds, a description and a default."""
