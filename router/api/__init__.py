"""The HTTP service: tasks, OpenAI's surface, and what dashboards read."""
