"""The reference of the mapping language shows mappings that can be read, and every key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.mapping import reading, reading_tables, reading_values
from connectors.mapping.reading import read_mapping
from connectors.mapping.types import FITS
from newsroom import DOMAIN

REFERENCE = (Path(__file__).parents[2] / "docs/reference/mapping.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
KEYS = {
    *reading.TOP,
    *reading.OUTBOX,
    *reading.LIMITS,
    *reading.CSV,
    *reading_tables.KEYS,
    *reading_tables.EVENTS,
    *reading_tables.LIST_KEYS,
    *reading_values.KEYS,
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_read(tmp_path: Path, example: str) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(example)
    read_mapping(str(path), DOMAIN)


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_key_is_in_an_example_and_explained(key: str) -> None:
    assert any(re.search(rf"\b{key}:", example) for example in EXAMPLES)
    assert re.search(rf"`(\w+\.)?{key}[`.]", REFERENCE) or key in reading_tables.EVENTS


@pytest.mark.parametrize("name", FITS)
def test_a_type_is_explained(name: str) -> None:
    assert re.search(rf"^\|.*`{name}[`(]", REFERENCE, re.MULTILINE)
