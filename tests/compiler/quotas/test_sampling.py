"""What quotas choose over 200 seeds, on made-up keys: shares in closed form, rows alike."""

from collections import Counter

import numpy as np
import pytest

from taskc.compiler import plan
from taskc.compiler.keys import Scope, value_hash
from taskc.compiler.quotas.spread import Spread
from taskc.compiler.quotas.strata import Group, Strata
from taskc.compiler.rows.row_keys import drawn, drawn_order

SEEDS = range(200)
SIZES = {"math": 2_000, "physics": 500, "cooking": 100, "travel": 50, "beer": 20}
SITES = [site for site, size in SIZES.items() for _ in range(size)]
AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
TAU = 3.0
WANTED = 60

# Quantiles of chi-square at 0.1 % and 99.9 %, by degrees of freedom.
CHI_SQUARE = {4: (0.091, 18.47), 99: (61.14, 148.23)}


def strata():
    """The rows' sites."""
    number = {site: index for index, site in enumerate(SIZES)}
    paths = [(Group(value_hash(site), site),) for site in SIZES]
    column = np.array([number[site] for site in SITES], np.uint32)
    return Strata(paths, column, np.zeros(len(SITES)))


def taken(seed, by, tau, wanted):
    """The rows that a quota takes under a seed."""
    take = plan.Take(
        source="s",
        count=wanted,
        at_most=False,
        by=by,
        by_keys=(plan.Name(name="site"),),
        by_tau=tau,
        best=None,
        at=AT,
    )
    scope = Scope.mixture(seed)
    ids = np.frombuffer(b"".join(value_hash(row) for row in range(len(SITES))), np.uint8)
    ids = ids.reshape(-1, 16)
    order = drawn_order(drawn(scope, "s", ids, None, 0, "rank"), ids, None)
    spread = Spread(take, strata(), order, source="s", scope=scope)
    return spread.taken(np.zeros(len(SITES), np.bool_), wanted).rows.tolist()


@pytest.fixture(scope="module")
def by_temperature():
    """The rows that each seed takes at tau = 3."""
    return [taken(seed, "temperature", TAU, WANTED) for seed in SEEDS]


def test_sites_have_the_roots_of_their_sizes(by_temperature):
    """n^(1/3) over the sum of all: within one row a seed, and so far within chi-square's bounds."""
    roots = {site: size ** (1 / TAU) for site, size in SIZES.items()}
    expected = {site: WANTED * root / sum(roots.values()) for site, root in roots.items()}
    counts = [Counter(SITES[row] for row in rows) for rows in by_temperature]
    total = Counter(SITES[row] for rows in by_temperature for row in rows)
    distance = sum(
        (total[site] - len(SEEDS) * share) ** 2 / (len(SEEDS) * share)
        for site, share in expected.items()
    )

    assert all(abs(count[site] - share) < 1 for count in counts for site, share in expected.items())
    assert distance < CHI_SQUARE[4][1]


def test_rows_of_a_site_are_taken_alike(by_temperature):
    """Over the seeds no row of a site is taken oftener than chance lets it, nor all too evenly."""
    rows = [row for row, site in enumerate(SITES) if site == "cooking"]
    counts = Counter(row for taken_rows in by_temperature for row in taken_rows)
    num_taken = sum(counts[row] for row in rows)
    chance = num_taken / len(SEEDS) / len(rows)
    variance = len(SEEDS) * chance * (1 - chance) * len(rows) / (len(rows) - 1)
    distance = sum((counts[row] - len(SEEDS) * chance) ** 2 for row in rows) / variance
    low, high = CHI_SQUARE[len(rows) - 1]

    assert low < distance < high


def test_any_site_may_take_the_first_turn():
    """Of equal groups the one that comes first is drawn: each as often as another."""
    first = Counter(SITES[taken(seed, "balance", None, 1)[0]] for seed in SEEDS)
    expected = len(SEEDS) / len(SIZES)
    distance = sum((first[site] - expected) ** 2 / expected for site in SIZES)
    low, high = CHI_SQUARE[len(SIZES) - 1]

    assert low < distance < high
