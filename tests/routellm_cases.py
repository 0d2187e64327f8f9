"""What the tests on RouteLLM's questions share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def with_routellm(real_data: Path) -> Path:
    """Return the data folder; the test is skipped if RouteLLM's table is not in it."""
    if not (real_data / "routellm" / "outcomes.csv").is_file():
        reason = f"no routellm/outcomes.csv in {real_data}"
        if os.environ.get("ARBMODELS_REQUIRE_DATA"):
            pytest.fail(reason)
        pytest.skip(reason)
    return real_data
