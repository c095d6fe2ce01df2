"""A mistake in a view of one's own is one line that names the view and the parameter, everywhere.

The domain is written down in a temporary folder, once without a mistake and once with each.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive, find_domain
from replay import BrokenView, View
from replay.declaration import check_documents

STET = Path(sys.executable).parent / "stet"
CLINIC = """
import ibis
import pyarrow as pa

from event_log import INSTANT, Category, Effect, EventType
from replay import HISTORY, Domain, Tally, View, chosen, live, referring, visible

PATIENT = Category(
    "patient",
    pa.schema([("name", pa.string())]),
    (
        EventType("PatientRegistered", Effect.CREATES, ("name",)),
        EventType("PatientRevised", Effect.REVISES),
    ),
)
APPOINTMENT = Category(
    "appointment",
    pa.schema(
        [
            ("reason", pa.string()),
            ("minutes", pa.int64()),
            ("starts_at", INSTANT),
            ("patient_id", pa.string()),
        ]
    ),
    (
        EventType("AppointmentMade", Effect.CREATES, ("reason",)),
        EventType("AppointmentMoved", Effect.REVISES),
    ),
)


def documents(state, keys):
    made = visible(state, "appointment", keys)
    patients = live(state.entities("patient")).select(patient_id="id", name="name")
    found = made.left_join(patients, made.patient_id == patients.patient_id)
    return found.select(
        id="id",
        reason="reason",
        minutes="minutes",
        starts_at="starts_at",
        patient=ibis.struct({"id": found.patient_id, "name": found.name}),
    )


def lineage(state, keys):
    made = chosen(state.entities("appointment"), keys)
    return ibis.union(made.select("id", entity="id"), referring(made, "patient_id"))


APPOINTMENTS = View(
    name="appointments",
    code_version=1,
    documents=documents,
    lineage=lineage,
    title="reason",
    text={"reason": ("reason",), "patient": ("patient.name",)},
    filters={"id": "id", "patient": "patient.name"},
    date="starts_at",
    per="appointment",
)
DOMAIN = Domain(
    "clinic",
    [PATIENT, APPOINTMENT],
    references={"appointment": {"patient_id": "patient"}},
    views=[APPOINTMENTS, HISTORY],
)
"""
FIELDS = "id, reason, minutes, starts_at, patient, sequence"
COLUMNS = "Existing columns: 'id', 'live', 'version'"
MISTAKES = {
    "a date that is no field": (
        ('date="starts_at"', 'date="start_at"'),
        f"date: there is no field 'start_at'; there is {FIELDS}",
    ),
    "a date that is a string": (
        ('date="starts_at"', 'date="reason"'),
        "date: reason is string; it must be one date or timestamp",
    ),
    "a text whose path ends nowhere": (
        ('("patient.name",)', '("patient.nam",)'),
        "text['patient']: patient has no field 'nam'; there is id, name",
    ),
    "a title that is no field": (
        ('title="reason"', 'title="reson"'),
        f"title: there is no field 'reson'; there is {FIELDS}",
    ),
    "a filter that is no field": (
        ('"patient": "patient.name"', '"patient": "doctor.name"'),
        f"filters['patient']: there is no field 'doctor'; there is {FIELDS}",
    ),
    "a category that does not exist": (
        ('visible(state, "appointment", keys)', 'visible(state, "apointment", keys)'),
        "documents (MODULE.py, line 34): there is no category 'apointment';"
        " there is patient, appointment",
    ),
    "documents without an id": (
        ('id="id",\n        reason', "reason"),
        "documents: there is no column 'id'; there is reason, minutes, starts_at, patient",
    ),
    "a column that does not exist": (
        ('minutes="minutes",\n', 'minutes="minuts",\n'),
        f"documents (MODULE.py, line 37): Column 'minuts' is not found in table. {COLUMNS}",
    ),
    "a join of a string with a number": (
        ("made.patient_id == patients", "made.minutes == patients"),
        "documents (MODULE.py, line 36): Arguments minutes:int64 and patient_id:string",
    ),
    "an attribute that does not exist": (
        ("found.patient_id", "found.patient"),
        "documents (MODULE.py, line 42): there is no column 'patient'; there is id, live,",
    ),
    "a path that ends at a struct": (
        ('("patient.name",)', '("patient",)'),
        "text['patient']: patient is a struct; name one of its fields: patient.id, patient.name",
    ),
    "a path into a string": (
        ('title="reason"', 'title="reason.text"'),
        "title: reason has no field 'text': it is string",
    ),
    "a date within a struct that is no field": (
        ('date="starts_at"', 'date="patient.born"'),
        "date: patient has no field 'born'; there is id, name",
    ),
    "a category of ids that does not exist": (
        ('per="appointment"', 'per="apointment"'),
        "per: there is no category 'apointment'; there is patient, appointment, 'event' and 'day'",
    ),
    "a bulk text that does not exist": (
        ('per="appointment"', 'per="appointment", bulk=("body",)'),
        "bulk: there is no text 'body'; there is reason, patient",
    ),
    "an embargoed path that is no field": (
        ('per="appointment"', 'per="appointment", embargoed="patient.seen_at"'),
        "embargoed: patient has no field 'seen_at'; there is id, name",
    ),
    "an embargoed path to a string": (
        ('per="appointment"', 'per="appointment", embargoed=("patient.name",)'),
        "embargoed: patient.name is string; it must be a date or a timestamp",
    ),
    "a tally that is none": (
        ('per="appointment"', 'per="appointment", tally="patients"'),
        "tally: is a str; write Tally(view, by=...)",
    ),
    "a tally of a view that does not exist": (
        ('per="appointment"', 'per="appointment", tally=Tally("doctors", by="id")'),
        "tally: no view is called 'doctors': appointments",
    ),
    "a tally of what is never under embargo": (
        (
            'per="appointment"',
            'per="appointment", embargo=False, tally=Tally("appointments", "id")',
        ),
        "tally: the documents of appointments are never under embargo; leave it out",
    ),
    "a tally by what is no filter": (
        (
            'per="appointment"',
            'per="appointment", tally=Tally("appointments", by="patient.id",'
            ' cards={"found": "id"}, most={"found": 1})',
        ),
        "tally: appointments has no filter by patient.id; give it one",
    ),
    "a tally for ids that are no filter": (
        ('per="appointment"', 'per="appointment", tally=Tally("appointments", "id", ids="more")'),
        "tally: ids: there is no filter by more; give the view one",
    ),
    "a tally without a path": (
        ('per="appointment"', 'per="appointment", tally=Tally("appointments", by="")'),
        "tally: names views, fields and paths by texts that are not empty",
    ),
    "a tally that cuts a list that it lacks": (
        (
            'per="appointment"',
            'per="appointment", tally=Tally("appointments", "id", most={"a": 1})',
        ),
        "tally: most: there is no list 'a'; there is none",
    ),
    "a tally with a date of no list": (
        ('per="appointment"', 'per="appointment", tally=Tally("a", "id", newest={"a": "b.at"})'),
        "tally: newest: a is of no list of cards; there is none",
    ),
    "a tally with cards without ids": (
        ('per="appointment"', 'per="appointment", tally=Tally("a", "id", cards={"a": "at"})'),
        "tally: cards: a has no id among its fields",
    ),
    "a tally of what is no number": (
        ('per="appointment"', 'per="appointment", tally=Tally("appointments", "id", count="id")'),
        "tally: id is string; it must be a whole number",
    ),
    "a tally of a list that is none": (
        (
            'per="appointment"',
            'per="appointment", tally=Tally("appointments", "id", cards={"patient": "id"})',
        ),
        "tally: patient is no list; name one of what counts",
    ),
    "an entity by a filter that does not exist": (
        ('per="appointment"', 'per="appointment", of_entity="stream"'),
        "of_entity: there is no filter 'stream'; there is id, patient",
    ),
    "a filter whose name no query can have": (
        ('"id": "id"', '"the id": "id"'),
        "filters: 'the id' cannot name one; use letters, digits and _",
    ),
    "an interval": (
        ('minutes="minutes",\n', "minutes=found.starts_at - found.starts_at,\n"),
        "documents: minutes is an interval, which cannot be shown; cast it to string, int8",
    ),
    "a decimal": (
        ('minutes="minutes",\n', 'minutes=found.minutes.cast("decimal(9,2)"),\n'),
        "documents: minutes is decimal128(9, 2), which cannot be shown; cast it to string, int8",
    ),
    "bytes in a struct in a list": (
        ('minutes="minutes",\n', 'minutes=ibis.array([ibis.struct({"a": ibis.literal(b"b")})]),\n'),
        "documents: minutes.a is binary, which cannot be shown; cast it to string, int8",
    ),
    "an id that is a number": (
        ('id="id",\n        reason', 'id="minutes",\n        reason'),
        "documents: id is int64; it must be a string",
    ),
    "ids that are null": (
        ('id="id",\n        reason', 'id=ibis.null("string"),\n        reason'),
        "documents: a document has no id: the column has nulls",
    ),
    "two documents of one id": (
        ('id="id",\n        reason', 'id=ibis.literal("one"),\n        reason'),
        "documents: two documents have the id 'one'",
    ),
    "a function that returns nothing": (
        ("    return found.select(", "    found.select("),
        "documents: returns a NoneType; it must return a table",
    ),
    "a function of one argument": (
        ("def documents(state, keys):", "def documents(state, keys=None, *, more):"),
        "documents: TypeError: documents() missing 1 required keyword-only argument: 'more'",
    ),
    "something else than a function": (
        ("documents=documents", 'documents="documents"'),
        "documents: is a str; it must be a function of state and keys",
    ),
    "a lineage without the entity": (
        ("return ibis.union(made", 'return made.select("id")\n    return ibis.union(made'),
        "lineage: there is no column 'entity'; there is id",
    ),
    "a lineage of another category": (
        ('made = chosen(state.entities("appointment")', 'made = chosen(state.entities("doctor")'),
        "lineage (MODULE.py, line 47): there is no category 'doctor'; there is patient,",
    ),
    "a lineage that lacks a document": (
        ('made.select("id", entity="id")', 'made.select(entity="id", id="patient_id")'),
        "lineage: the document 'appointment/2' is in no pair",
    ),
    "a value that cannot be cast": (
        ('minutes="minutes",\n', 'minutes=found.reason.cast("int64"),\n'),
        "documents: Conversion Error: Could not convert string 'Knee' to INT64",
    ),
}
FIRST = [
    pytest.param(mistake, marks=pytest.mark.slow if place % 3 else [])
    for place, mistake in enumerate(tuple(MISTAKES)[:9])
]
"""Those that a stranger made; each way to meet them is tried with three of them at first."""
numbers = itertools.count()


class Clinic:
    """An archive with three events in a temporary folder; ``write`` changes its domain."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, str(folder / "home")
        archive = self.archive()
        archive.append("patient/1", "PatientRegistered", {"name": "Ann"})
        made = {"reason": "Knee", "minutes": 30, "patient_id": "patient/1"}
        archive.append("appointment/1", "AppointmentMade", made)
        archive.append("appointment/2", "AppointmentMade", {"reason": "Hip", "minutes": 20})

    def write(self, old: str = "", new: str = "") -> str:
        """Write the domain as a new module, which Python has not imported yet; its name."""
        assert old in CLINIC
        module = f"clinic_{next(numbers)}"
        (self.folder / f"{module}.py").write_text(CLINIC.replace(old, new) if old else CLINIC)
        return module

    def archive(self, old: str = "", new: str = "") -> Archive:
        """The archive, by the domain as it was written down just now."""
        return Archive(self.home, find_domain(f"{self.write(old, new)}:DOMAIN"), "embedded")

    def run(self, module: str, *arguments: str) -> Result:
        """A command in this process; an error that is not expected is raised."""
        options = ["--home", self.home, "--domain", f"{module}:DOMAIN"]
        result = CliRunner().invoke(cli, [*options, *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return Clinic(tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_when_the_views_are_rebuilt(clinic: Clinic, mistake: str) -> None:
    (old, new), says = MISTAKES[mistake]
    module = clinic.write(old, new)
    result = clinic.run(module, "rebuild")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"view appointments: {says.replace('MODULE', module)}" in result.stderr
    assert not clinic.archive().generations(), "nothing was indexed"


@pytest.mark.parametrize("mistake", FIRST)
def test_a_mistake_is_one_line_when_a_view_is_exported(clinic: Clinic, mistake: str) -> None:
    (old, new), says = MISTAKES[mistake]
    module = clinic.write(old, new)
    result = clinic.run(module, "export", "appointments")
    assert result.exit_code == 1
    assert f"view appointments: {says.replace('MODULE', module)}" in result.stderr


@pytest.mark.parametrize("mistake", FIRST)
def test_a_mistake_is_named_when_the_others_catch_up(clinic: Clinic, mistake: str) -> None:
    clinic.archive().rebuild()
    (old, new), says = MISTAKES[mistake]
    module = clinic.write(old, new)
    clinic.archive().append("appointment/1", "AppointmentMoved", {"reason": "Elbow"})
    result = clinic.run(module, "catch-up", "--json")
    caught_up = json.loads(result.stdout)
    if caught_up["broken"]:
        assert result.exit_code == 1
        assert f"view appointments: {says.replace('MODULE', module)}" in result.stderr
        assert "correct it, and run: stet catch-up" in result.stderr
        assert caught_up["needs_rebuild"] == {}
    else:  # a changed declaration is another index: its mistake is named by the rebuild
        assert caught_up["needs_rebuild"] == {"appointments": "is indexed in another way now"}
    assert {view["view"] for view in caught_up["views"]} == {"history"}
    assert clinic.archive().search("elbow", view="history").total == 1
    assert clinic.archive().search("knee").total == 1, "the broken view is as it was"
    clinic.archive().catch_up()
    assert clinic.archive().search("elbow").total == 1, "corrected, it catches up"


@pytest.mark.parametrize("mistake", FIRST)
@pytest.mark.parametrize("built", [True, False], ids=["built", "not built"])
def test_a_preview_says_which_view_it_left_out(clinic: Clinic, mistake: str, built: bool) -> None:
    (old, new), says = MISTAKES[mistake]
    module = clinic.write(old, new)
    if built:
        clinic.archive().rebuild()
    change = ["appointment/1", "AppointmentMoved", "--data", '{"reason": "Elbow"}']
    result = clinic.run(module, "preview", *change)
    assert result.exit_code == 0
    assert "appointments is left out: view appointments: " in result.stderr
    assert says.replace("MODULE", module) in result.stderr
    assert "would rewrite 1 document (1 of history)" in result.stdout


def test_a_preview_says_that_a_view_needs_a_rebuild(clinic: Clinic) -> None:
    clinic.archive().rebuild(["history"])
    clinic.archive().catch_up()
    change = ["appointment/1", "AppointmentMoved", "--data", '{"reason": "Elbow"}']
    result = clinic.run(clinic.write(), "preview", *change)
    assert (
        "appointments is left out: has no live generation yet; run: stet rebuild" in result.stderr
    )


def test_when_every_view_has_a_mistake_catching_up_says_what_to_correct(clinic: Clinic) -> None:
    clinic.archive().rebuild(["appointments"])
    (old, new), _ = MISTAKES["a column that does not exist"]
    module = clinic.write(old, new)
    clinic.archive().append("appointment/1", "AppointmentMoved", {"reason": "Elbow"})
    result = clinic.run(module, "catch-up", "appointments")
    assert result.exit_code == 1
    assert "no view can be caught up (view appointments: documents (" in result.stderr
    assert "; correct the view\n" in result.stderr
    assert "rebuild" not in result.stderr


def test_two_documents_of_one_id_are_found_when_catching_up(clinic: Clinic) -> None:
    clinic.archive().rebuild()
    twice = clinic.archive(
        "    return found.select(", "    found = found.union(found)\n    return found.select("
    )
    twice.append("appointment/1", "AppointmentMoved", {"reason": "Elbow"})
    broken = twice.catch_up().broken["appointments"]
    assert broken == "view appointments: documents: two documents have the id 'appointment/1'"


def test_a_changed_type_is_found_when_catching_up(clinic: Clinic) -> None:
    clinic.archive().rebuild()
    (old, new), says = MISTAKES["an interval"]
    changed = clinic.archive(old, new)
    changed.append("appointment/1", "AppointmentMoved", {"reason": "Elbow"})
    assert says in changed.catch_up().broken["appointments"]


@pytest.mark.slow
def test_a_mistake_is_the_failure_of_a_dagster_run(clinic: Clinic) -> None:
    (old, new), says = MISTAKES["a date that is no field"]
    module = clinic.write(old, new)
    script = """
from pipelines.definitions import definitions

quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
job = definitions.resolve_job_def("rebuild")
result = job.execute_in_process(run_config=quiet, raise_on_error=False)
failed = [e for e in result.all_events if e.is_step_failure]
print(failed[0].step_failure_data.user_failure_data.description)
"""
    environment = {
        **os.environ,
        "STET_DOMAIN": f"{module}:DOMAIN",
        "STET_HOME": clinic.home,
        "DAGSTER_HOME": "",
        "PYTHONPATH": f"{clinic.folder}:{os.environ.get('PYTHONPATH', '')}",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [f"view appointments: {says}"], done.stderr


def test_one_path_may_stand_where_several_are_meant(clinic: Clinic) -> None:
    one = clinic.archive('("patient.name",)', '"patient.name"')
    one.rebuild()
    assert one.search("ann").total == 1


def test_whole_numbers_stay_whole_when_they_are_summed(clinic: Clinic) -> None:
    summed = clinic.archive(
        'minutes="minutes",\n',
        "minutes=found.minutes.sum().over(ibis.window(group_by=found.name)),\n",
    )
    summed.rebuild()
    (hit,) = summed.search("knee").hits
    assert repr(hit.document["minutes"]) == "30"
    assert b'"minutes":30,' in next(summed.export("appointments"))
    summed.append("appointment/1", "AppointmentMoved", {"minutes": 31})
    summed.catch_up()
    assert repr(summed.search("knee").hits[0].document["minutes"]) == "31"
    assert not any(view.differences for view in summed.compare())


def test_what_is_no_number_is_null_in_every_answer(clinic: Clinic) -> None:
    strange = clinic.archive('minutes="minutes",\n', 'minutes=ibis.literal(float("nan")),\n')
    strange.rebuild()
    assert strange.search("knee").hits[0].document["minutes"] is None
    assert b'"minutes":null,' in next(strange.export("appointments"))
    assert not any(view.differences for view in strange.compare())


KINDS = st.recursive(
    st.sampled_from([pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()]),
    lambda inner: (
        inner.map(pa.list_)
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(
            lambda fields: pa.struct(list(fields.items()))
        )
    ),
    max_leaves=6,
)


def paths(kind: Any, above: str = "") -> list[str]:
    """All paths to single values, or lists of them, below a type."""
    while pa.types.is_list(kind):
        kind = kind.value_type
    if not pa.types.is_struct(kind):
        return [above]
    return [path for field in kind for path in paths(field.type, f"{above}.{field.name}")]


@given(
    kinds=st.dictionaries(st.sampled_from("abc"), KINDS, min_size=1),
    path=st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map(".".join),
)
def test_a_path_is_accepted_when_the_documents_have_it_and_named_when_not(
    kinds: dict[str, Any], path: str
) -> None:
    schema = pa.schema([("id", pa.string()), *kinds.items(), ("sequence", pa.int64())])
    view = View("v", 1, print, print, "id", {"text": path})
    there = [p for name, kind in kinds.items() for p in paths(kind, name)]
    if path in there:
        check_documents(view, schema)
    else:
        with pytest.raises(BrokenView, match=r"^view v: text\['text'\]: "):
            check_documents(view, schema)
