"""The mind's assistant: the tool `research`, an agent of its own that only reads, and reports what it found."""

from agent.tools.research.settings import ResearchSettings
from agent.tools.research.tool import ResearchTool

__all__ = ["ResearchSettings", "ResearchTool"]
