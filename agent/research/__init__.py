"""The mind's assistant: the tool `research`, an agent of its own that only reads, and reports what it found."""

from agent.research.settings import ResearchSettings
from agent.research.tool import ResearchTool

__all__ = ["ResearchSettings", "ResearchTool"]
