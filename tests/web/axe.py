"""axe-core, which finds what keeps people from using a page: fetched once, from npm, into a cache.

It is not part of Stet and not in its repository (MPL 2.0). The cache is that of the tests' servers.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from local_server import cache, fetched_once
from playwright.sync_api import Page

VERSION = "4.14.1"
INTEGRITY = (
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)
"""The SHA-512 of the package, as npm has it."""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """
async (tags) => {
  const found = await axe.run(document, {runOnly: {type: 'tag', values: tags}});
  return found.violations.map((each) => ({
    rule: each.id, help: each.help,
    nodes: each.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + ' | ' + n.failureSummary),
  }));
}
"""


class NotFetched(Exception):
    """axe-core cannot be had here; the message says why."""


def script() -> str:
    """The text of axe-core, fetched if it is not there yet."""
    kept = cache() / f"axe-core-{VERSION}.min.js"
    return fetched_once(kept, lambda aside: _unpacked(_fetched(aside))).read_text()


def _fetched(into: Path) -> Path:
    if shutil.which("npm") is None:
        raise NotFetched("npm fetches axe-core for the tests; install it (Debian: npm)")
    command = ["npm", "pack", f"axe-core@{VERSION}", "--silent", "--pack-destination", str(into)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=into)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise NotFetched(f"npm cannot fetch axe-core: {said[0] if said else 'no reason given'}")
    (archive,) = into.glob("*.tgz")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        raise NotFetched(f"axe-core {VERSION} is not what it was: SHA-512 {found}")
    return archive


def _unpacked(archive: Path) -> Path:
    with tarfile.open(archive) as packed:
        member = packed.extractfile("package/axe.min.js")
        assert member is not None
        unpacked = archive.with_name("axe.min.js")
        unpacked.write_bytes(member.read())
    return unpacked


def violations(page: Page) -> list[str]:
    """What of a page keeps people from using it, a line each; the script is in the page already."""
    found: list[dict[str, Any]] = page.evaluate(RUN, TAGS)
    return [f"{x['rule']} ({x['help']}): {node}" for x in found for node in x["nodes"]]
