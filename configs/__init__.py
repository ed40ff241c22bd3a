"""Shipped config files: the paths of the JSON files in this package.

main_agent_config.json: used when no `--config` is given.
space_config.json: for a Hugging Face Space.
"""

from pathlib import Path

MAIN_AGENT_CONFIG = Path(__file__).with_name("main_agent_config.json")
SPACE_CONFIG = Path(__file__).with_name("space_config.json")
