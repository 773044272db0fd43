# SPDX-License-Identifier: MIT
"""agent-link-config.json: where it is looked for, and what it says."""
import json
import os
import re

from ._errors import ConfigError

FILE = "agent-link-config.json"
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
STRINGS = ("relay_url", "secret", "instance_id", "agent_id", "relay_token", "pins")


def places(name=FILE):
    """Where a file of that name is looked for, in this order: the current folder, OpenClaw's
    workspace, OpenClaw's own folder. Before them AGENT_LINK_CONFIG names the file itself."""
    home = os.environ.get("OPENCLAW_STATE_DIR") or os.path.join(os.path.expanduser("~"),
                                                               ".openclaw")
    return [os.path.join(folder, name)
            for folder in (os.getcwd(), os.path.join(home, "workspace"), home)]


def find(path=None):
    """The file meant by config_path. A path is itself; a bare name that is not in the current
    folder may be in one of the other places."""
    if path is None:
        named = os.environ.get("AGENT_LINK_CONFIG")
        if named:
            return named
        path = FILE
    path = os.path.expanduser(os.fspath(path))
    if os.path.dirname(path):
        return path
    looked = places(path)
    for place in looked:
        if os.path.exists(place):
            return place
    raise ConfigError(f"there is no {path}; looked in {', '.join(map(os.path.dirname, looked))}. "
                      "`clawlink agent-link setup` writes one")


def check(values, where):
    """Types and forms of what is there; an error names the member."""
    for name in STRINGS:
        value = values.get(name)
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"{where}: {name} must be a string")
        if value is not None and "\0" in value:
            raise ConfigError(f"{where}: {name} has a NUL in it")
    for name in ("instance_id", "agent_id"):
        value = values.get(name)
        if value and not NAME.fullmatch(value):
            raise ConfigError(f'{where}: {name} is "{value}"; a name has 1 to 64 letters, digits '
                              'and ".", "_", "-"')
    auto = values.get("auto_reconnect")
    if auto is not None and not isinstance(auto, bool):
        raise ConfigError(f"{where}: auto_reconnect must be true or false")
    interval = values.get("reconnect_interval")
    if interval is not None and (isinstance(interval, bool)
                                 or not isinstance(interval, (int, float))):
        raise ConfigError(f"{where}: reconnect_interval must be a number")


def read(path):
    """The members of the file; those that are not known are passed over."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            values = json.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path} is no JSON object")
    check(values, path)
    return values


def settings(given, config_path=None):
    """What was given to AgentLink; where no relay was, the rest from the file."""
    given = {name: value for name, value in given.items() if value is not None}
    check(given, "AgentLink")
    where = "AgentLink"
    if config_path is not None or "relay_url" not in given:
        where = find(config_path)
        given = {**read(where), **given}
    missing = [name for name in ("relay_url", "instance_id", "agent_id") if not given.get(name)]
    if not given.get("secret") and not given.get("relay_token"):
        missing.insert(1 if "relay_url" in missing else 0, "secret")
    if missing:
        raise ConfigError(f"{where}: {' and '.join(missing)} "
                          f"{'is' if len(missing) == 1 else 'are'} missing")
    return given
