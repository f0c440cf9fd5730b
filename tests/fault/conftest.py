# SPDX-License-Identifier: MIT
"""The end-to-end tests' harness is ours, too."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
