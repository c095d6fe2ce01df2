"""The values that Debezium writes where the source withheld one, because it did not change.

PostgreSQL keeps long values apart (TOAST), and does not send them with an update that left them as
they were. Debezium then writes a placeholder of the column's type: it is no value.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any
from uuid import UUID

TEXT = "__debezium_unavailable_value"
"""Debezium's default for ``unavailable.value.placeholder``."""
BYTES = b64encode(TEXT.encode()).decode()
NUMBERS = list(TEXT.encode())
UUID_TEXT = str(UUID(bytes=hashlib.md5(TEXT.encode(), usedforsecurity=False).digest(), version=3))
NUMBERS_TEXT = ",".join(map(str, NUMBERS))
MARKS = (TEXT.encode(), BYTES.encode(), UUID_TEXT.encode(), NUMBERS_TEXT.encode())
"""What a message must contain before its values need to be looked at."""
WITHHELD = (TEXT, BYTES, [TEXT], [BYTES], NUMBERS, [UUID_TEXT], {TEXT: TEXT})
HSTORE = (f'{{"{TEXT}":"{TEXT}"}}', f'{{"{TEXT}": "{TEXT}"}}')


def may_withhold(text: bytes) -> bool:
    """Whether a message may have a placeholder in it: most have none, and need no second look."""
    of_text, of_bytes, of_uuid, of_numbers = MARKS
    return of_text in text or of_bytes in text or of_numbers in text or of_uuid in text


def is_withheld(value: Any) -> bool:
    """Whether a value, as JSON has it, stands for one that the source withheld.

    >>> is_withheld("__debezium_unavailable_value"), is_withheld("see __debezium_unavailable_value")
    (True, False)
    """
    return value in WITHHELD or (isinstance(value, str) and value in HSTORE)
