"""Which items an epoch shows."""

from collections import Counter

import pytest

from training.data.sampler import EpochSampler, Share


def test_a_weight_says_how_often_an_item_comes():
    places = Counter(EpochSampler([2.5] * 1000 + [1.0] * 100 + [0.25] * 1000, seed=1))
    assert {places[item] for item in range(1000)} == {2, 3}
    assert {places[item] for item in range(1000, 1100)} == {1}
    assert {places[item] for item in range(1100, 2100)} == {0, 1}
    assert sum(places[item] for item in range(1000)) == pytest.approx(2500, abs=80)
    assert sum(places[item] for item in range(1100, 2100)) == pytest.approx(250, abs=80)


def test_a_count_is_drawn_whatever_the_weights_sum_to():
    places = Counter(EpochSampler([1.0] * 500 + [3.0] * 500, seed=1, count=400))
    assert sum(places.values()) == pytest.approx(400, abs=60)
    heavy = sum(number for item, number in places.items() if item >= 500)
    assert heavy == pytest.approx(300, abs=60)


def test_processes_share_the_items_equally():
    weights = [1.0] * 3 + [2.0] * 4
    whole = list(EpochSampler(weights, seed=5))
    first, second = (EpochSampler(weights, 5, Share(rank, 2)) for rank in range(2))
    assert len(first) == len(second) == 6
    # One more than there are: the first comes again.
    assert Counter([*first, *second]) == Counter([*whole, whole[0]])


def test_more_processes_than_items_get_one_each():
    """Of unequal shares some processes would wait for the others for ever."""
    shares = [list(EpochSampler([1.0, 1.0], 5, Share(rank, 5))) for rank in range(5)]
    assert [len(share) for share in shares] == [1] * 5
    assert {place for share in shares for place in share} == {0, 1}
    assert list(EpochSampler([0.0], 5, Share(1, 2))) == []


def test_the_seed_fixes_the_order():
    weights = [1.5] * 50
    assert list(EpochSampler(weights, 3)) == list(EpochSampler(weights, 3))
    assert list(EpochSampler(weights, 3)) != list(EpochSampler(weights, 4))
    places = list(EpochSampler([1.0] * 50, 3))
    assert places != sorted(places)
