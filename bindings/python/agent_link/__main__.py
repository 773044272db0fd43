# SPDX-License-Identifier: MIT
"""python3 -m agent_link"""
import sys

from ._console import main

sys.exit(main())
