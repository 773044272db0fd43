#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The client of Agent Link as one file, by the calls that are documented for it:

    python3 agent_link.py --config agent-link-config.json --test
    from agent_link import AgentLink, Message      in a script beside it

Both are the package agent_link. A script in this folder finds this file before the package, so it
puts the package in its own place.
"""
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def find():
    """The package's __init__.py: beside this folder, as in ClawLink's sources, or where Python
    looks for packages."""
    for folder in [os.path.dirname(HERE), *sys.path]:
        path = os.path.join(os.path.abspath(folder), "agent_link", "__init__.py")
        if os.path.isfile(path):
            return path
    raise ImportError(f"{__file__} needs the Python package agent_link, which is not installed: "
                      "`make install` of ClawLink, or `pip install ./bindings/python` there")


def load():
    path = find()
    spec = importlib.util.spec_from_file_location(
        "agent_link", path, submodule_search_locations=[os.path.dirname(path)])
    package = importlib.util.module_from_spec(spec)
    sys.modules["agent_link"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    try:
        load()
    except ImportError as error:
        sys.exit(str(error))
    sys.exit(importlib.import_module("agent_link._console").main())
load()
