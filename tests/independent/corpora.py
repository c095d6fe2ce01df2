"""Where the two real histories lie: ``STET_CORPORA``, ``../shared/data`` by default.

Without them their tests are skipped; where ``STET_REQUIRE_CORPORA=1``, as in CI, they fail.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NAMES = ("digitalgov", "congress")
FOLDER = Path(os.environ.get("STET_CORPORA", Path(__file__).parents[2].parent / "shared" / "data"))


def corpus(name: str) -> Path:
    """The file of a real history."""
    path = FOLDER / f"{name}.events.jsonl.gz"
    if not path.exists():
        told = f"{path} is not there; set STET_CORPORA to the folder of the real histories"
        if os.environ.get("STET_REQUIRE_CORPORA") == "1":
            pytest.fail(told)
        pytest.skip(told)
    return path
