# SPDX-License-Identifier: MIT
"""A message as handlers get it."""
import base64
import datetime
import json


def text_of(body, content_type):
    """What Agent Link calls a message, which is text: the body itself; one that is no text as JSON
    of the form that clients of the original are shown."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        data = base64.urlsafe_b64encode(body).decode().rstrip("=")
        return json.dumps({"encoding": "base64url",
                           "content_type": content_type or "application/octet-stream",
                           "data": data})


class Message:
    """from_agent, to_agent: addresses, "instance/agent".
    message: the text.
    trust: how well the relay knows the sender. "relay": only the relay says who it is; "group": it
        knows the group's secret; "tofu", "key": by its key.
    verified: True when the signature was looked at here.
    id: the message's name; None of one that was made by hand.
    content_type: "" for text.
    """
    __slots__ = ("from_agent", "to_agent", "message", "trust", "verified", "id", "content_type",
                 "_timestamp", "_blob")

    def __init__(self, from_agent, to_agent, message, timestamp=None, trust="relay"):
        self.from_agent, self.to_agent, self.message = from_agent, to_agent, message
        self.trust, self.verified, self.id, self.content_type = trust, False, None, ""
        self._timestamp, self._blob = timestamp, None

    @property
    def timestamp(self):
        """When it was sent: a datetime in this machine's time zone."""
        if isinstance(self._timestamp, int):  # most handlers do not ask
            self._timestamp = datetime.datetime.fromtimestamp(
                self._timestamp / 1000, datetime.timezone.utc).astimezone()
        return self._timestamp

    def __repr__(self):
        return (f"Message(from_agent={self.from_agent!r}, to_agent={self.to_agent!r}, "
                f"message={self.message!r}, timestamp={self.timestamp!r}, trust={self.trust!r})")
