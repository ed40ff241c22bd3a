"""Research: the tool `research`, a sub-agent with its own context that only reads, and returns a report.

Step: one tool call of the sub-agent, shown inside the call of `research`.
Read-only tools: the session's tools without those that change something.
"""

from agent.tools.research.settings import ResearchSettings
from agent.tools.research.tool import ResearchTool

__all__ = ["ResearchSettings", "ResearchTool"]
