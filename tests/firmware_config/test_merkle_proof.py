"""Proofs are checked as RFC 9162 says: against published vectors, and against forgeries."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.merkle_proof import is_consistent, is_included, leaf_hash, node_hash

# Inputs, roots and proofs of the Certificate Transparency reference implementation, as in
# github.com/transparency-dev/merkle, testonly/constants.go and testonly/reference.go.
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
    bytes.fromhex(text)
    for text in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
NODE = {
    name: bytes.fromhex(text)
    for name, text in {
        "leaf 0": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "leaf 1": "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "leaf 4": "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "0-1": "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "2-3": "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "4-5": "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "6-7": "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "0-3": "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4-7": "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    }.items()
}
INCLUSIONS = [
    (0, 1, []),
    (0, 8, ["leaf 1", "2-3", "4-7"]),
    (5, 8, ["leaf 4", "6-7", "0-3"]),
    (2, 3, ["0-1"]),
    (1, 5, ["leaf 0", "2-3", "leaf 4"]),
]
CONSISTENCIES = [
    (1, 1, []),
    (1, 8, ["leaf 1", "2-3", "4-7"]),
    (6, 8, ["4-5", "6-7", "0-3"]),
    (2, 5, ["2-3", "leaf 4"]),
    (0, 8, []),
    (8, 8, []),
]


@pytest.mark.parametrize(("index", "size", "names"), INCLUSIONS)
def test_published_inclusion_proofs_hold_and_for_no_other_place_size_or_root(
    index: int, size: int, names: list[str]
) -> None:
    proof = [NODE[name] for name in names]
    leaf = leaf_hash(LEAVES[index])
    assert is_included(leaf, index, size, proof, ROOTS[size])
    assert not is_included(leaf, index, size, proof, ROOTS[size - 1])
    assert not is_included(leaf_hash(b"other"), index, size, proof, ROOTS[size])
    assert not is_included(leaf, index + 1, size, proof, ROOTS[size])
    assert not is_included(leaf, index - 1, size, proof, ROOTS[size])
    assert not is_included(leaf, index, size, [*proof, ROOTS[0]], ROOTS[size])
    if proof:
        assert not is_included(leaf, index, size, proof[:-1], ROOTS[size])
        assert not is_included(leaf, index, size, proof[1:], ROOTS[size])


@pytest.mark.parametrize(("first", "second", "names"), CONSISTENCIES)
def test_published_consistency_proofs_hold_and_for_no_other_size_or_root(
    first: int, second: int, names: list[str]
) -> None:
    proof = [NODE[name] for name in names]
    assert is_consistent(first, second, ROOTS[first], ROOTS[second], proof)
    assert not is_consistent(first, second, ROOTS[first], ROOTS[second - 1], proof) or first == 0
    assert not is_consistent(first, second, ROOTS[second - 1], ROOTS[second], proof)
    assert not is_consistent(first, second, ROOTS[first], ROOTS[second], [*proof, ROOTS[0]])
    if proof:
        assert not is_consistent(first, second, ROOTS[first], ROOTS[second], proof[:-1])
        assert not is_consistent(first, second, ROOTS[first], ROOTS[second], [])
        assert not is_consistent(second, first, ROOTS[second], ROOTS[first], proof)


def test_a_leaf_cannot_be_passed_off_as_a_node() -> None:
    # the prefixes of section 2.1.1 keep the two apart
    assert leaf_hash(ROOTS[1] + NODE["leaf 1"]) != node_hash(ROOTS[1], NODE["leaf 1"]) == ROOTS[2]


@given(
    first=st.integers(-2, 2**53),
    second=st.integers(-2, 2**53),
    proof=st.lists(st.binary(max_size=40), max_size=60),
)
def test_no_numbers_and_no_bytes_make_the_check_fail_or_hold_by_chance(
    first: int, second: int, proof: list[bytes]
) -> None:
    root, other = sha256(b"1").digest(), sha256(b"2").digest()
    assert not is_consistent(first, second, root, other, proof)
    assert not is_included(root, first, second, proof, other)
