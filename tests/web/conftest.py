"""A server over the sample, in this process, and clients that ask it as somebody."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from serving import Server

from app.importing import import_one, sample_files
from archive import Archive
from newsroom import DOMAIN


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, imported and rebuilt once for each worker; tests must not write to it."""
    home = tmp_path_factory.mktemp("sample") / "home"
    archive = Archive(home, DOMAIN)
    for file in sample_files(archive):
        import_one(archive, file, "stop")
    archive.rebuild()
    return home


@pytest.fixture
def home(sample: Path, tmp_path: Path) -> Path:
    """A copy of the sample that a test may write to."""
    return Path(shutil.copytree(sample, tmp_path / "home"))


@pytest.fixture
def server(home: Path) -> Server:
    """A server over a sample of its own."""
    return Server(home)


@pytest.fixture(scope="module")
def reading(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server for tests that only read; made once for a module."""
    copy = shutil.copytree(sample, tmp_path_factory.mktemp("reading") / "home")
    return Server(Path(copy))
