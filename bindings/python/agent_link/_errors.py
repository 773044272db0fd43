# SPDX-License-Identifier: MIT
"""What this package raises."""


class AgentLinkError(Exception):
    """`name` is the stable name of the error, as in the relay's answers: "unauthorized"."""

    def __init__(self, text, name="internal"):
        super().__init__(text)
        self.name = name


class ConfigError(AgentLinkError, ValueError):
    """There is no configuration, or it is wrong."""

    def __init__(self, text):
        super().__init__(text, "usage")


class LibraryError(AgentLinkError, ImportError):
    """libclawlink is missing or too old."""

    def __init__(self, text):
        super().__init__(text, "internal")


class SendError(AgentLinkError):
    """Raised by Receipt.check(): the message was not accepted, or has ended badly."""
