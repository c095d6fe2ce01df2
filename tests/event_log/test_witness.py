"""A witness outside the log tells what the log alone cannot: that its end is gone or made up."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from faults import StepDisk, faults, power_losses
from test_verification import commits_of, replaced, rewritten, write

from event_log import DamagedLog, EventLog, StoreError
from event_log.digests.merkle import Frontier
from event_log.files import commit
from event_log.files.log_digest import flat
from event_log.storage.disk import Disk
from event_log.storage.folder import LocalStore
from event_log.witness import InvalidWitness, read_witness, verify_with_witness

ROOT = Path(__file__).parents[2]
COMMITS = 4


@pytest.fixture
def full(log: EventLog, domain) -> EventLog:
    """A log of four commits with three events each: 1 to 12."""
    for number in range(COMMITS):
        grow(log, domain, number)
    return log


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "witness.json"


def grow(log: EventLog, domain, number: int = 0) -> None:
    thing, note = f"thing/{number}", f"note/{number}"
    log.append([domain.made(thing), domain.written(note), domain.changed(thing)])


def anew(log: EventLog) -> EventLog:
    return EventLog(log.path, tuple(log.registry.values()))


def refused(log: EventLog, file: Path) -> DamagedLog:
    """What verifying says, to one who opens the log anew; the witness stays as it was."""
    before = file.read_bytes()
    with pytest.raises(DamagedLog) as caught:
        verify_with_witness(anew(log), file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    return caught.value


def test_the_first_time_it_is_written_and_then_moves_on_with_the_head(full, domain, file) -> None:
    verified, first = verify_with_witness(full, file)
    assert (verified.events, first.sequence, first.digest) == (12, 12, full.digest)
    assert read_witness(file) == first
    grow(full, domain)
    _, second = verify_with_witness(full, file)
    assert (second.sequence, second.digest) == (15, full.digest)
    assert read_witness(file) == second
    assert list(file.parent.iterdir()) == [file]


def test_a_log_that_did_not_grow_leaves_it_as_it_is(full, file) -> None:
    verify_with_witness(full, file)
    before = file.read_bytes(), file.stat().st_ino
    verify_with_witness(full, file)
    assert (file.read_bytes(), file.stat().st_ino) == before


def test_an_empty_log_has_a_witness_too(log, domain, file) -> None:
    assert verify_with_witness(log, file)[1].sequence == 0
    grow(log, domain)
    assert verify_with_witness(log, file)[1].sequence == 3


def test_its_file_says_how_far_the_log_was_with_which_digest_and_when(full, file) -> None:
    verify_with_witness(full, file)
    said = json.loads(file.read_text())
    assert list(said) == ["format", "sequence", "digest", "frontier", "seen_at"]
    assert (said["format"], said["sequence"], said["digest"]) == (
        "stet-witness-1",
        12,
        full.digest,
    )
    assert Frontier.from_hex(12, said["frontier"]).root.hex() == full.digest


# what only a witness tells


@pytest.mark.parametrize("gone", [1, 2, COMMITS])
def test_a_truncated_end_of_open_commits_is_told_with_the_first_sequence_that_is_gone(
    full, file, gone: int
) -> None:
    verify_with_witness(full, file)
    for path in commits_of(full)[-gone:]:
        path.unlink()
    left = 12 - 3 * gone
    assert anew(full).verify().events == left
    error = refused(full, file)
    assert error.sequence == left + 1
    assert f"the log has {left} events, but the witness {file} saw 12" in str(error)


def test_a_truncated_end_is_told_when_the_log_has_grown_again_since(full, domain, file) -> None:
    verify_with_witness(full, file)
    commits_of(full)[-1].unlink()
    other = anew(full)
    for number in range(COMMITS):
        grow(other, domain, number)
    assert other.verify().events == 21
    error = refused(full, file)
    assert error.sequence == 0
    assert "rewritten, first among the sequences 9 to 12;" in str(error)


@pytest.mark.parametrize(("place", "among"), [(0, "1 to 8"), (3, "9 to 12")])
def test_a_commit_that_was_rewritten_with_everything_made_to_fit_is_told(
    full, file, place: int, among: str
) -> None:
    _, seen = verify_with_witness(full, file)
    rewritten(commits_of(full)[place], replaced("actor", lambda old: ["eve", *old[1:]]))
    refit(full, place)
    made_up = anew(full)
    assert made_up.verify().digest == made_up.digest != seen.digest
    error = refused(full, file)
    assert f"first among the sequences {among};" in str(error)
    assert made_up.digest in str(error)
    assert seen.digest in str(error)


def refit(log: EventLog, place: int) -> None:
    """Let every commit from one on continue the one before it again."""
    paths = commits_of(log)
    for number in range(place, len(paths)):
        before = commit.read_metadata(paths[number - 1]).frontier if number else Frontier.empty()
        events = pq.read_table(paths[number])
        digests = events.column("digest").combine_chunks()
        about = replace(
            commit.read_metadata(paths[number]),
            previous=before.root,
            frontier=before.append(flat(digests)),
        )
        write(paths[number], events, about)


def test_what_verify_finds_by_itself_is_told_first(full, file) -> None:
    verify_with_witness(full, file)
    commits_of(full)[-1].unlink()
    rewritten(commits_of(full)[1], replaced("actor", lambda old: ["eve", *old[1:]]))
    assert refused(full, file).sequence == 4


def test_sealing_changes_nothing_for_a_witness(full, domain, file) -> None:
    verify_with_witness(full, file)
    full.seal(0)
    assert verify_with_witness(anew(full), file)[1].sequence == 12
    grow(full, domain)
    full.seal(0)
    assert not commits_of(full)
    assert verify_with_witness(anew(full), file)[1].sequence == 15
    grow(full, domain)
    assert verify_with_witness(anew(full), file)[1].sequence == 18


def test_a_truncated_end_of_a_sealed_log_is_told(full, domain, file) -> None:
    full.seal(0)
    grow(full, domain)
    full.seal(grace_seconds=3600)
    verify_with_witness(full, file)
    for path in (*(full.path / "sealed").glob("_manifest-*13.json"), *commits_of(full)):
        path.unlink()
    assert anew(full).verify().events == 12
    error = refused(full, file)
    assert (error.sequence, "the log has 12 events" in str(error)) == (13, True)


def test_a_log_that_was_rewritten_before_it_was_sealed_is_told(full, file) -> None:
    verify_with_witness(full, file)
    change = replaced("actor", lambda old: ["eve", *old[1:]])
    rewritten(commits_of(full)[3], change, chained=True)
    anew(full).seal(0)
    assert anew(full).verify().events == 12
    assert "first among the sequences 9 to 12;" in str(refused(full, file))


def test_the_witness_of_another_log_is_told(full, domain, file, tmp_path) -> None:
    other = domain.open(tmp_path / "other")
    grow(other, domain)
    verify_with_witness(other, file)
    assert "it is another log" in str(refused(full, file))


# what is no witness


def changed(text: str, **parts: object) -> str:
    return json.dumps(json.loads(text) | parts)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda _: "", "Expecting value"),
        (lambda text: text[:-20], "Unterminated string"),
        (lambda _: "[" * 100_000, "recursion"),
        (lambda _: "[]", "its parts are not a witness's"),
        (lambda _: "{}", "it has no 'format'"),
        (lambda text: changed(text, format="stet-proof-1"), "its format is not stet-witness-1"),
        (lambda text: changed(text, sequence=13), "are no frontier of 13 events"),
        (lambda text: changed(text, sequence=-1), "are no frontier of -1 events"),
        (lambda text: changed(text, sequence="12"), "its parts are not a witness's"),
        (lambda text: changed(text, sequence=None), "its parts are not a witness's"),
        (lambda text: changed(text, frontier="00" * 64), "its digest is not that of its frontier"),
        (lambda text: changed(text, digest="00" * 32), "its digest is not that of its frontier"),
        (lambda text: changed(text, seen_at="\x1b[2J"), "Invalid isoformat"),
        (lambda text: changed(text, seen_at=5), "its parts are not a witness's"),
    ],
)
def test_a_file_that_is_no_witness_is_told_and_stays_as_it_is(full, file, damage, reason) -> None:
    verify_with_witness(full, file)
    file.write_text(damage(file.read_text()))
    before = file.read_bytes()
    with pytest.raises(InvalidWitness, match=reason) as caught:
        verify_with_witness(full, file)
    assert str(caught.value).startswith(f"{file} is no witness (")
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == before


def test_it_must_not_lie_in_the_log_it_is_to_witness(full) -> None:
    with pytest.raises(InvalidWitness, match="keep it on another disk or machine"):
        verify_with_witness(full, full.path / "witness.json")


def test_a_folder_that_is_not_there_is_told(full, tmp_path) -> None:
    with pytest.raises(InvalidWitness, match=r"there is no folder .*nowhere; make it first"):
        verify_with_witness(full, tmp_path / "nowhere" / "witness.json")


def test_a_folder_in_its_place_is_told(full, file) -> None:
    file.mkdir()
    with pytest.raises(InvalidWitness, match="cannot read the witness"):
        verify_with_witness(full, file)


def test_a_link_to_it_stays_a_link(full, file, tmp_path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(file)
    verify_with_witness(full, link)
    assert link.is_symlink()
    assert read_witness(file)


# durable, and never moved back


def test_it_survives_power_loss_at_every_step(full, domain, file, tmp_path) -> None:
    verify_with_witness(full, file)
    before = file.read_text()
    grow(full, domain)

    def prepare(folder: Path) -> None:
        (folder / "witness.json").write_text(before)

    def move(folder: Path, disk: Disk, acknowledged: list) -> None:
        acknowledged.append(verify_with_witness(full, folder / "witness.json", disk)[1].sequence)

    seen = set()
    (tmp_path / "lost").mkdir()
    for lost in power_losses(tmp_path / "lost", prepare, move):
        left = read_witness(lost.folder / "witness.json")
        assert left, lost.label
        assert left.sequence == 15 or (left.sequence == 12 and not lost.acknowledged), lost.label
        assert verify_with_witness(full, lost.folder / "witness.json")[1].sequence == 15
        seen.add(left.sequence)
    assert seen == {12, 15}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_is_told_and_a_witness_is_left(full, domain, file, tmp_path, code):
    verify_with_witness(full, file)
    before = file.read_text()
    grow(full, domain)

    def prepare(folder: Path) -> None:
        (folder / "witness.json").write_text(before)

    def move(folder: Path, disk: Disk, _: list) -> None:
        verify_with_witness(full, folder / "witness.json", disk)

    (tmp_path / "refused").mkdir()
    for at in faults(tmp_path / "refused", prepare, move, code):
        assert isinstance(at.error, StoreError), at.label
        assert "cannot write" in str(at.error)
        assert read_witness(at.folder / "witness.json"), at.label
        assert [path.name for path in at.folder.iterdir()] == ["witness.json"]
        assert verify_with_witness(full, at.folder / "witness.json")[1].sequence == 15


def test_what_it_has_seen_cannot_be_lost_with_the_power(domain, path, file) -> None:
    """A commit can be seen a moment before its writer has synced its folder."""
    log = domain.open(path)
    for number in range(COMMITS):
        grow(log, domain, number)
    for _ in range(2):
        disk = StepDisk()
        verify_with_witness(EventLog(LocalStore(path, disk), domain.categories), file)
        folder = path / ("sealed" if log.sealed_through else "commits")
        assert f"sync {folder}" in disk.steps
        log.seal(0)
        file.unlink()


def test_one_who_was_killed_while_moving_it_leaves_nothing_that_the_next_minds(full, file) -> None:
    unfinished = file.with_name("witness.json.new")
    unfinished.write_text("half of a wit" * 100)
    verify_with_witness(full, file)
    assert list(file.parent.iterdir()) == [file]


def test_who_verified_less_does_not_move_it_back(full, domain, file) -> None:
    class Slow(EventLog):
        """The log grows, and another verifies it, while this one is not done."""

        def verify(self, after: int = 0, until: int | None = None):
            verified = super().verify(after, until)
            grow(full, domain)
            assert verify_with_witness(anew(full), file)[1].sequence == 15
            return verified

    verified, kept = verify_with_witness(Slow(full.path, domain.categories), file)
    assert (verified.last, kept.sequence) == (12, 15)
    assert read_witness(file) == kept


def test_many_that_verify_while_the_log_grows_never_move_it_back(full, domain, file) -> None:
    problems: list[BaseException] = []
    done = threading.Event()

    def again_and_again() -> None:
        log = anew(full)
        last = 0
        try:
            while not done.is_set():
                kept = verify_with_witness(log, file)[1].sequence
                assert kept >= last
                last = kept
        except BaseException as error:  # noqa: BLE001 (told below)
            problems.append(error)

    threads = [threading.Thread(target=again_and_again) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(12):
        grow(full, domain, number)
    done.set()
    for thread in threads:
        thread.join()
    assert not problems
    assert verify_with_witness(full, file)[1].sequence == 48
    assert list(file.parent.iterdir()) == [file]


def test_processes_do_not_move_it_at_once(full, file) -> None:
    script = (
        "import sys, time; from pathlib import Path; from event_log import witness\n"
        "with witness._next(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, file],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        thread = threading.Thread(target=verify_with_witness, args=(full, file))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert not file.exists()
        holder.communicate("\n")
        thread.join()
    assert read_witness(file)


def test_what_cannot_be_written_is_told_before_the_log_is_read(full, file) -> None:
    file.with_name("witness.json.new").mkdir()
    commits_of(full)[0].unlink()
    with pytest.raises(StoreError, match=r"cannot write .*witness.json.new: Is a directory"):
        verify_with_witness(full, file)
