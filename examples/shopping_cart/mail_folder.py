"""A folder of mail (maildir) in the place of a mail server: it knows the ids of its messages."""

from __future__ import annotations

import os
from email.message import EmailMessage
from pathlib import Path

from connectors import Outgoing


class MailFolder:
    """Sends a message by putting it into a folder, once for each id.

    As with any post, a message can be there although its sender was killed before it knew so. The
    sender then sends it again, under the same id, and the folder keeps the first.
    """

    def __init__(self, folder: Path) -> None:
        self._new, self._seen, self._making = (folder / n for n in ("new", "cur", "tmp"))

    def send(self, letter: Outgoing) -> None:
        """Put a letter there, unless one of its id is."""
        if any(self._seen.glob(f"{letter.id}*")):  # somebody has read it since
            return
        for folder in (self._new, self._seen, self._making):
            folder.mkdir(parents=True, exist_ok=True)
        message = EmailMessage()
        message["Message-ID"] = f"<{letter.id}@shop.example>"
        message["To"], message["Subject"] = letter.data["to"], letter.data["subject"]
        message.set_content(letter.data["text"])
        draft = self._making / f"{letter.id}.{os.getpid()}"
        draft.write_bytes(message.as_bytes())
        try:
            os.link(draft, self._new / letter.id)  # fails if it is there: never two of one id
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    def subjects(self) -> dict[str, str]:
        """By id, the subjects of the letters that are there."""
        from email import message_from_bytes

        found = sorted([*self._new.glob("*"), *self._seen.glob("*")])
        return {
            p.name.partition(":")[0]: message_from_bytes(p.read_bytes())["Subject"] for p in found
        }
