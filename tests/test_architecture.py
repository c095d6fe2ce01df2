"""The rooms, the ceilings and the words that the design sets, held by machine."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from inspect import ismodule
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (
    "app",
    "pipelines",
    "connectors",
    "newsroom",
    "views",
    "archive",
    "search",
    "replay",
    "event_log",
)
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SOURCES = [
    *MODULES,
    *sorted((ROOT / "benchmarks").rglob("*.py")),
    *(ROOT / "examples").rglob("*.py"),
]
FACES = [room for room in ROOMS if (ROOT / room / "__init__.pyi").exists()]
LINES_A_MODULE = 400
LINES_A_FUNCTION = 40
UNUSED_WORDS = re.compile(
    r"(^|_)(consumer|projector|repository|service|manager|handler|processor|record|row)s?(_|$)",
    re.IGNORECASE,
)
CLIENTS = {
    "tantivy": {
        "search.analysis",
        "search.embedded.counting",
        "search.embedded.index",
        "search.embedded.queries",
    },
    "elasticsearch": {"search.elastic.cluster"},
    "obstore": {"event_log.storage.bucket"},
    "watchfiles": {"event_log.following.watch"},
    "yaml": {"connectors.mapping.places"},
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _defined(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]


def test_the_rooms_contracts_are_kept() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_module_keeps_to_the_ceiling(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES_A_MODULE


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_function_keeps_to_the_ceiling(path: Path) -> None:
    long = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in _defined(path)
        if not isinstance(node, ast.ClassDef)
    }
    assert {name: n for name, n in long.items() if n > LINES_A_FUNCTION} == {}


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_names_are_words_of_the_design(path: Path) -> None:
    split = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name) for node in _defined(path)]
    assert [name for name in split if UNUSED_WORDS.search(name)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_lives_here_and_what_does_not(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text())) or ""
    assert re.search(r"\blives?\b", docstring)
    assert re.search(r"\b(not|nothing|never|no)\b", docstring, re.IGNORECASE)


@pytest.mark.parametrize("room", FACES)
def test_every_name_of_a_face_is_there_and_hides_no_module(room: str) -> None:
    """A module imported below the package takes the place of a name that it shares."""
    face = importlib.import_module(room)
    modules = {path.stem for path in (ROOT / room).iterdir() if path.suffix == ".py"}
    wings = {path.name for path in (ROOT / room).iterdir() if path.is_dir()}
    values = {name: getattr(face, name) for name in face.__all__}
    hidden = {name for name in modules | wings if not ismodule(values.get(name, ast))}
    assert hidden == set()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_third_party_client_is_imported_in_one_module(client: str) -> None:
    graph = grimp.build_graph(*ROOMS, include_external_packages=True)
    assert graph.find_modules_that_directly_import(client) == CLIENTS[client]


def test_the_client_of_kafka_is_imported_in_its_wing_only() -> None:
    graph = grimp.build_graph(*ROOMS, include_external_packages=True)
    importers = graph.find_modules_that_directly_import("confluent_kafka")
    assert importers
    assert {name.rpartition(".")[0] for name in importers} == {"connectors.kafka"}


def test_dagster_is_imported_in_pipelines_only() -> None:
    graph = grimp.build_graph(*ROOMS, include_external_packages=True)
    importers = graph.find_modules_that_directly_import("dagster")
    assert importers
    assert {name.split(".")[0] for name in importers} == {"pipelines"}


@pytest.mark.parametrize(
    "heavy",
    [
        "duckdb",
        "fastapi",
        "ibis",
        "numpy",
        "obstore",
        "pandas",
        "pyarrow",
        "tantivy",
        "elasticsearch",
        "dagster",
    ],
)
def test_help_does_not_wait_for_heavy_libraries(heavy: str) -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from app.cli import cli;"
        "CliRunner().invoke(cli, ['--help']);"
        f"sys.exit({heavy!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def test_there_is_no_package_below_tests() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []
