"""Finding a domain by its name, and remembering in an archive which domain it belongs to.

A package declares a domain as an entry point of the group ``stet.domains``:

    [project.entry-points."stet.domains"]
    orders = "orders.domain:DOMAIN"

A domain in the working folder is named ``module:NAME``, and needs no declaration.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import TYPE_CHECKING

from archive.errors import UnknownDomain, WrongDomain
from archive.place import is_url, local_folder
from event_log import settings
from replay import write_json

if TYPE_CHECKING:
    from event_log import Store
    from replay import Domain

GROUP = "stet.domains"
DEFAULT = "newsroom"
FILE = "domain.json"
"""The file in an archive that has the name of its domain."""


@lru_cache(maxsize=16)
def find_domain(name: str) -> Domain:
    """Import the domain of this name, or at ``module:NAME``; raises ``UnknownDomain``.

    >>> find_domain("newsroom").name
    'newsroom'
    """
    if ":" in name:
        if not re.fullmatch(r"\w+(\.\w+)*:\w+", name):
            raise UnknownDomain(f"{name!r} names no domain; write module:NAME")
        if str(Path.cwd()) not in sys.path:
            sys.path.append(str(Path.cwd()))
        return _loaded(EntryPoint(name, name, GROUP))
    declared = {point.name: point for point in entry_points(group=GROUP)}
    if name not in declared:
        near = get_close_matches(name, declared, 1)
        raise UnknownDomain(
            f"no installed package declares the domain {name!r}"
            + (f"; did you mean {near[0]!r}?" if near else f"; there is {', '.join(declared)}.")
            + " One in the working folder is called module:NAME"
        )
    return _loaded(declared[name])


def _loaded(point: EntryPoint) -> Domain:
    from event_log import EventLogError
    from replay import Domain, ReplayError

    try:
        module = import_module(point.module)
    except (EventLogError, ReplayError) as error:
        raise UnknownDomain(f"{point.value}: {error}") from error
    except Exception as error:
        raise UnknownDomain(_why_not_imported(point, error)) from error
    domain = getattr(module, point.attr, None)
    if isinstance(domain, Domain):
        return domain
    wrong = f"the module {point.module} has no {point.attr}"
    if domain is not None:
        wrong = f"{point.value} is a {type(domain).__name__}, not a Domain"
    there = [f"{point.module}:{name}" for name in vars(module) if _is_domain(module, name)]
    raise UnknownDomain(f"{wrong}; its domains: {', '.join(there) or 'none'}")


def _is_domain(module: ModuleType, name: str) -> bool:
    from replay import Domain

    return isinstance(getattr(module, name), Domain)


def _why_not_imported(point: EntryPoint, error: Exception) -> str:
    """Why a domain cannot be imported: its module is not where Python looks, or has a mistake."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is not None and f"{point.module}.".startswith(f"{missing}."):
        file = f"{missing.replace('.', '/')}.py"
        return (
            f"the domain {point.value} cannot be imported: there is no module {missing!r} in"
            f" {Path.cwd()}; go to the folder that has {file}, or install it"
        )
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"the domain {point.value} cannot be imported: {reason}{_line(point, error)}"


def _line(point: EntryPoint, error: Exception) -> str:
    """The line of the domain's own module that an error came through, if there is one."""
    name = f"{point.module.rpartition('.')[2]}.py"
    lines = [
        line
        for frame, line in walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).name == name
    ]
    return f" ({name}, line {lines[-1]})" if lines else ""


def chosen(given: Domain | str | None, home: Path | str) -> Domain:
    """The domain to open an archive with; raises ``WrongDomain`` if it belongs to another.

    It is ``given``, else the one of ``STET_DOMAIN``, else the one that the archive remembers, else
    the newsroom.
    """
    remembered = recall(home)
    wanted = given or settings.text("STET_DOMAIN") or remembered or DEFAULT
    if isinstance(wanted, str):
        try:
            wanted = find_domain(wanted)
        except UnknownDomain:
            if wanted != remembered:
                raise
            raise UnknownDomain(
                f"{home} was made with the domain {wanted!r}, which is not installed; in the folder"
                " of its module, name it: stet --domain MODULE:NAME ..., or in Python"
                f" Archive({str(home)!r}, 'MODULE:NAME')"
            ) from None
    _require_same(home, remembered, wanted)
    return wanted


def _require_same(home: Path | str, remembered: str | None, domain: Domain) -> None:
    if remembered not in (None, domain.name):
        raise WrongDomain(
            f"{home} is an archive of the domain {remembered!r}, not of {domain.name!r}; open it"
            f" with the domain {_option(remembered)}, or open another home"
        )


def _option(name: str) -> str:
    """What opens an archive of a domain: its name if it is installed, else where it is defined.

    >>> _option("newsroom"), _option("notes")
    ('newsroom', 'module:NAME (the module that defines notes, which no installed package declares)')
    """
    if name in {point.name for point in entry_points(group=GROUP)}:
        return name
    return f"module:NAME (the module that defines {name}, which no installed package declares)"


def domain_in_force(home: Path | str) -> Domain:
    """The domain that ``home`` is opened with by default; it reads no object store.

    >>> domain_in_force("my-archive").name
    'newsroom'
    """
    remembered = None if is_url(home) else recall(home)
    return find_domain(settings.text("STET_DOMAIN") or remembered or DEFAULT)


def recall(home: Path | str) -> str | None:
    """The name of the domain that an archive belongs to; ``None`` before its first append.

    The name never changes, so that of an archive in an object store is read once, and then kept on
    this machine.
    """
    path = local_folder(home) / FILE
    if not path.exists() and is_url(home):
        store = _store(home)
        if not store.exists(FILE):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"domain": _read(store.path(FILE))})
    return _read(path)


def _read(path: Path) -> str | None:
    try:
        name = json.loads(path.read_text())["domain"]
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        name = None
    if not isinstance(name, str):
        raise WrongDomain(f'{path} is damaged; write {{"domain": "NAME"}} into it')
    return name


def remember(home: Path | str, domain: Domain) -> None:
    """Write the domain's name into an archive; raises ``WrongDomain`` if it has another."""
    remembered = recall(home)
    if remembered is None:
        content = json.dumps({"domain": domain.name}) + "\n"
        _store(home).put_if_absent(FILE, lambda path: _write(path, content))
        if not is_url(home):
            with suppress(OSError):  # another writer uses it, or it is gone already
                (Path(home) / "staging").rmdir()
        remembered = recall(home)  # another process may have been faster, with another domain
    _require_same(home, remembered, domain)


def _write(path: Path, content: str) -> None:
    path.write_text(content)


def _store(home: Path | str) -> Store:
    from event_log import open_store

    return open_store(str(home).rstrip("/") if is_url(home) else home)
