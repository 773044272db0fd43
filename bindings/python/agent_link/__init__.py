# SPDX-License-Identifier: MIT
"""Agent Link: agents on different machines send each other messages through a relay.

    from agent_link import AgentLink

    link = AgentLink(agent_id="otto")      # reads agent-link-config.json

    @link.on_message
    def handle(from_agent, message):
        link.send(from_agent, "got it")

    link.run()

AgentLink says how each call behaves. The library below is libclawlink.
"""
from ._errors import AgentLinkError, ConfigError, LibraryError, SendError
from ._link import AgentLink
from ._message import Message
from ._receipt import Receipt

__version__ = "0.1.0"
__all__ = ["AgentLink", "AgentLinkError", "ConfigError", "LibraryError", "Message", "Receipt",
           "SendError"]
