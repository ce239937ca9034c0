"""MinHash: who shares a band, and how often."""

import re
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskc.compiler.resemblance.minhash import Bands, Signing, _permutations, bands, bands_for
from taskc.compiler.resemblance.shingles import MULTIPLIER, Shingles, offsets_of, shingles
from taskc.compiler.resemblance.words import WordHashes

ROWS = st.lists(st.lists(st.sampled_from("abcde"), max_size=9), max_size=8)


def expected(row: list[int], cut: Bands) -> list[int]:
    """The bands of one row, as docs/keys.md lays them down."""
    found = []
    for band in range(cut.count):
        folded = 0
        for number in range(band * cut.length, (band + 1) * cut.length):
            drawn = blake2b(f"minhash/{number}".encode(), digest_size=8).digest()
            factor = int.from_bytes(drawn[:4], "big") | 1
            mask = int.from_bytes(drawn[4:], "big")
            least = min((((each >> 32) * factor) % 2**32) ^ mask for each in row)
            folded = (folded ^ least) * MULTIPLIER % 2**64
        found.append(folded >> 32)
    return found


@given(ROWS, st.sampled_from([Bands(3, 2), Bands(1, 1), Bands(16, 6)]))
def test_bands_are_those_of_the_page(rows, cut):
    """Every number can be worked out by hand; a row without shingles has zeros."""
    found = shingles(rows, WordHashes())

    assert [
        expected(own, cut) if (own := found.set_of(at).tolist()) else [0] * cut.count
        for at in range(len(rows))
    ] == bands(found, cut).tolist()


def test_numbers_of_the_page(repository):
    """docs/keys.md shows what is worked out."""
    page = (repository / "docs/keys.md").read_text(encoding="utf-8").partition("## Near rows")[2]
    known = WordHashes()
    rows = shingles([["it", "rains", "today"]], known)
    factors, masks = _permutations()
    numbers = [
        f"{known['it']:016x}",
        f"{int(rows.hashes[0]):016x}",
        f"{int(factors[0]):08x}`, `{int(masks[0]):08x}",
        f"{int(bands(rows, bands_for(0.8))[0, 0]):08x}",
    ]
    shown, counts, lengths = (
        [float(cell) for cell in line.split("|")[2:-1]]
        for line in page.splitlines()
        if line.startswith(("| J |", "| b |", "| r |"))
    )

    assert [f"`{number}`" for number in numbers] == re.findall(r"\| (`[0-9a-f`, ]+`) \|", page)
    assert list(zip(counts, lengths, strict=True)) == [
        (cut.count, cut.length) for cut in map(bands_for, shown)
    ]


@pytest.mark.parametrize("near", [1.0, 0.99, 0.95, 0.9, 0.8, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.04])
def test_bands_find_99_of_100_pairs(near):
    """Of pairs just as near as asked; and a longer band would ask for more than 128 minima."""
    cut = bands_for(near)

    assert 1 - (1 - near**cut.length) ** cut.count >= 0.99
    assert cut.count * cut.length <= 128
    longer = cut.length + 1
    assert longer > 16 or 1 - (1 - near**longer) ** (128 // longer) < 0.99


@pytest.mark.parametrize("near", [0.03, 0.0001, 0.0])
def test_below_that_all_minima_are_bands_of_their_own(near):
    """More can't be done."""
    assert Bands(128, 1) == bands_for(near)


@pytest.mark.parametrize("near", [0.9, 0.8, 0.5, 0.3])
@pytest.mark.parametrize("size", [10, 40, 200])
def test_pairs_share_a_band_as_often_as_theory_says(near, size):
    """2,000 pairs of sets of a known likeness: the family of permutations is as good as chance."""
    draw = np.random.default_rng(size)
    num_common = round(2 * size * near / (1 + near))
    likeness = num_common / (2 * size - num_common)
    unions = draw.integers(0, 2**64, (2_000, 2 * size - num_common), np.uint64)
    pairs = np.stack([unions[:, :size], unions[:, size - num_common :]], axis=1)
    rows = Shingles(pairs.reshape(-1), offsets_of(np.full(4_000, size)))
    cut = bands_for(near)
    found = bands(rows, cut)
    shares = found[0::2] == found[1::2]
    chance = likeness**cut.length

    assert shares.mean() == pytest.approx(chance, abs=0.02)
    assert shares.any(axis=1).mean() == pytest.approx(1 - (1 - chance) ** cut.count, abs=0.03)


@given(ROWS, st.integers(0, 8))
def test_signing_in_chunks_changes_nothing(rows, cut):
    """Chunks are an accident of reading."""
    signing = Signing(0.8)
    for part in (rows[:cut], rows[cut:]):
        for row in part:
            signing.note(row)
        signing.sign()

    assert bands(shingles(rows, WordHashes()), bands_for(0.8)).tolist() == signing.column().tolist()
