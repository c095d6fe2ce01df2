"""The tree over the digests is RFC 9162's: its roots, its paths, and what they refuse."""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise

import plain_digest
import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from event_log.digests.digest import digest_of
from event_log.digests.merkle import (
    Frontier,
    PathBuilder,
    consistency_path,
    consistency_subtrees,
    inclusion_path,
    inclusion_subtrees,
    node,
    root,
    verify_consistency,
    verify_inclusion,
)

# The reference vectors of Certificate Transparency: google/certificate-transparency,
# python/ct/crypto/merkle_test.py and transparency-dev/merkle, testonly/constants.go.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
NODES = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
]
INCLUSION = [
    (0, 8, [NODES[0], NODES[1], NODES[2]]),
    (5, 8, [NODES[3], NODES[4], ROOTS[3]]),
    (2, 3, [ROOTS[1]]),
    (1, 5, [ROOTS[0], NODES[1], NODES[3]]),
]
CONSISTENCY = [
    (1, 1, []),
    (1, 8, [NODES[0], NODES[1], NODES[2]]),
    (6, 8, [NODES[5], NODES[4], ROOTS[3]]),
    (2, 5, [NODES[1], NODES[3]]),
]
DIGESTS = [digest_of(leaf) for leaf in LEAVES]
SIZES = st.integers(1, 140)


def digests_of(size: int) -> list[bytes]:
    return [hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(size)]


def blocks_of(digests: list[bytes], cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if cut < len(digests)), len(digests)]
    return [b"".join(digests[a:b]) for a, b in pairwise(places)]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_vectors(size: int) -> None:
    assert root(b"".join(DIGESTS[:size])).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "expected"), INCLUSION)
def test_paths_are_those_of_the_reference_vectors(index: int, size: int, expected) -> None:
    path = inclusion_path(index, size, DIGESTS[:size])
    assert [step.hex() for step in path] == expected
    assert verify_inclusion(DIGESTS[index], index, size, path, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "expected"), CONSISTENCY)
def test_consistency_proofs_are_those_of_the_reference_vectors(old, new, expected) -> None:
    path = consistency_path(old, new, DIGESTS[:new])
    assert [step.hex() for step in path] == expected
    roots = [bytes.fromhex(ROOTS[size - 1]) for size in (old, new)]
    assert verify_consistency(old, new, path, *roots)


def test_the_root_of_no_events_is_32_zero_bytes() -> None:
    assert Frontier.empty().root == root(b"") == bytes(32)


@given_in_tiers(40, 200, size=st.integers(0, 140), cuts=st.sets(st.integers(0, 140)))
def test_a_frontier_appended_in_any_steps_has_the_root_of_all(size: int, cuts: set[int]) -> None:
    digests, frontier = digests_of(size), Frontier.empty()
    for block in blocks_of(digests, cuts):
        frontier = frontier.append(memoryview(block))
        frontier = Frontier.from_hex(frontier.size, frontier.to_hex())
        assert frontier.root == plain_digest.root(digests[: frontier.size])
    assert frontier == Frontier.empty().append(b"".join(digests))
    assert len(frontier.subtrees) == size.bit_count()


def test_a_frontier_is_the_same_after_many_events_as_after_one_at_a_time() -> None:
    digests = random.Random(9).randbytes(32 * 20_000)
    frontier = Frontier.empty()
    for start in range(0, len(digests), 32):
        frontier = frontier.append(digests[start : start + 32])
    assert frontier == Frontier.empty().append(digests)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, ""),
        (0, "00" * 32),
        (3, "00" * 32),
        (4, "00" * 64),
        (1, "00" * 31),
        (1, "zz" * 32),
        (-1, "00" * 32),
    ],
)
def test_what_cannot_be_a_frontier_of_that_size_is_refused(size: int, text: str) -> None:
    with pytest.raises(ValueError, match=r"no frontier of -?\d+ events|hexadecimal"):
        Frontier.from_hex(size, text)


def test_digests_that_are_cut_off_are_refused() -> None:
    with pytest.raises(ValueError, match="33 bytes are no digests of 32 bytes each"):
        Frontier.empty().append(bytes(33))


@given_in_tiers(40, 200, size=SIZES, cuts=st.sets(st.integers(0, 140)), data=st.data())
def test_every_event_has_a_path_and_no_changed_bit_passes(size: int, cuts, data) -> None:
    digests = digests_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, blocks_of(digests, cuts))
    head = plain_digest.root(digests)
    assert verify_inclusion(digests[index], index, size, path, head)
    assert len(path) <= max(size - 1, 1).bit_length()
    parts = [digests[index], *path, head]
    place, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[place] = flipped(parts[place], bit)
    assert not verify_inclusion(parts[0], index, size, parts[1:-1], parts[-1])


@given_in_tiers(40, 200, size=SIZES, data=st.data())
def test_a_path_is_refused_at_another_place_or_with_another_length(size: int, data) -> None:
    digests = digests_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, digests)
    head = root(b"".join(digests))
    other = data.draw(st.integers(-1, size).filter(lambda place: place != index))
    assert not verify_inclusion(digests[index], other, size, path, head)
    assert not verify_inclusion(digests[index], index, size, [*path, head], head)
    if path:
        assert not verify_inclusion(digests[index], index, size, path[:-1], head)
        assert not verify_inclusion(digests[index], index, size, [path[0][:31], *path[1:]], head)


@given_in_tiers(40, 200, new=SIZES, cuts=st.sets(st.integers(0, 140)), data=st.data())
def test_each_head_is_consistent_with_every_later_one_and_no_changed_bit_passes(
    new: int, cuts, data
) -> None:
    digests = digests_of(new)
    old = data.draw(st.integers(0, new))
    path = consistency_path(old, new, blocks_of(digests, cuts))
    before, after = plain_digest.root(digests[:old]), plain_digest.root(digests)
    assert verify_consistency(old, new, path, before, after)
    assert not verify_consistency(old, new, [*path, after], before, after)
    parts = [before, *path] if old in (0, new) else [before, *path, after]
    place, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[place] = flipped(parts[place], bit)
    changed = parts[1:] if old in (0, new) else parts[1:-1]
    assert not verify_consistency(
        old, new, changed, parts[0], after if old in (0, new) else parts[-1]
    )
    if path:
        assert not verify_consistency(old, new, path[1:], before, after)
        assert not verify_consistency(old, new, path[:-1], before, after)


def test_a_log_whose_past_was_rewritten_is_consistent_with_no_older_head() -> None:
    digests = digests_of(21)
    for old in range(1, 21):
        rewritten = [*digests[: old - 1], bytes(32), *digests[old:]]
        path = consistency_path(old, 21, rewritten)
        before, after = (root(b"".join(found)) for found in (digests[:old], rewritten))
        assert not verify_consistency(old, 21, path, before, after)


@given_in_tiers(40, 200, size=SIZES, data=st.data())
def test_a_path_that_begins_at_an_earlier_frontier_is_the_same(size: int, data) -> None:
    digests = digests_of(size)
    index = data.draw(st.integers(0, size - 1))
    before = data.draw(st.integers(0, index))
    frontier = Frontier.empty().append(b"".join(digests[:before]))
    for spans in (inclusion_subtrees(index, size), consistency_subtrees(index + 1, size)):
        builder = PathBuilder(spans, frontier)
        assert builder.position == before
        builder.add(b"".join(digests[before:]))
        whole = PathBuilder(spans)
        whole.add(b"".join(digests))
        assert builder.path() == whole.path()


def test_a_path_is_not_given_out_before_all_digests_have_gone_by() -> None:
    builder = PathBuilder(inclusion_subtrees(1, 8))
    builder.add(b"".join(DIGESTS[:7]))
    with pytest.raises(ValueError, match="the digests from position 7 on are missing"):
        builder.path()
    builder.add(DIGESTS[7])
    assert verify_inclusion(DIGESTS[1], 1, 8, builder.path(), bytes.fromhex(ROOTS[7]))


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_path_to_an_event_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"no position {index} among {size} events"):
        inclusion_subtrees(index, size)
    assert not verify_inclusion(bytes(32), index, size, [], bytes(32))


def test_there_is_no_proof_that_a_log_begins_with_a_longer_one() -> None:
    with pytest.raises(ValueError, match="3 events cannot begin with 4 of them"):
        consistency_subtrees(4, 3)
    assert not verify_consistency(4, 3, [], bytes(32), bytes(32))


def test_a_node_is_no_leaf() -> None:
    """Else the canonical form of an event could be made that passes for two digests."""
    assert node(*DIGESTS[:2]) != digest_of(b"".join(DIGESTS[:2]))


def flipped(found: bytes, bit: int) -> bytes:
    changed = bytearray(found)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
