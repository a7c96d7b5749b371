"""Beam search against exhaustive search over a small random language; its paths and its pools."""

import itertools

import numpy as np
import pytest

from ros2_captioner.beam_search import (
    DecodingOptions,
    Ended,
    Pool,
    Step,
    StepOutput,
    Trellis,
    beam_search,
)
from ros2_captioner.errors import OptionsError
from ros2_captioner.word_rules import WordRules

START, END, WORDS = 0, 1, 5
WIDE = {"beam_width": 16, "max_length": 4, "length_penalty": 0.0}


class TableStepper:
    """A language whose next word depends on the word before it and on the image."""

    def __init__(self, batch, width, seed=0):
        logits = np.random.default_rng(seed).normal(size=(batch, WORDS, WORDS)) * 2
        logits[:, :, START] = -30
        self.table = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
        self.batch = batch
        self.reordered = []

    def step(self, tokens, parents):
        self.reordered.append(parents.copy())
        rows = self.table[np.arange(self.batch)[:, None], tokens]
        ids = np.argsort(-rows, axis=2, kind="stable")
        log_probs = np.take_along_axis(rows, ids, axis=2).astype(np.float32)
        attention = np.repeat(tokens[:, :, None], 4, axis=2).astype(np.float32)
        return StepOutput(log_probs, ids.astype(np.int32), attention)


def exhaustive(table, max_length, alpha, allowed=lambda ids: True):
    """The best caption of one image over all captions, ended or cut at the limit."""
    best = (-np.inf, ())
    for length in range(max_length + 1):
        for ids in itertools.product(range(2, WORDS), repeat=length):
            ended = length < max_length
            path = [START, *ids, *([END] if ended else [])]
            total = sum(table[a, b] for a, b in itertools.pairwise(path))
            score = total / (len(path) - 1) ** alpha
            if allowed(ids) and score > best[0]:
                best = (score, ids)
    return best


def search(stepper, batch, *, never=(), never_last=(), once=(), **values):
    options = DecodingOptions(**{"no_repeat_ngram": 0} | values)
    rules = WordRules(
        end=END,
        never=never,
        never_last=never_last,
        once=once,
        min_length=options.min_length,
        no_repeat_ngram=options.no_repeat_ngram,
    )
    return beam_search(stepper, batch, options, rules, START)


def repeats(ids, n):
    ngrams = [ids[first : first + n] for first in range(len(ids) - n + 1)]
    doubled = any(word == following for word, following in itertools.pairwise(ids))
    return doubled or len(set(ngrams)) < len(ngrams)


@pytest.mark.parametrize("seed", range(5))
def test_wide_beam_finds_the_best_caption_of_every_image(seed):
    stepper = TableStepper(3, 16, seed)
    found = search(stepper, 3, beam_width=16, max_length=4, length_penalty=0.0)
    for table, hypotheses in zip(stepper.table, found, strict=True):
        score, ids = exhaustive(table, 4, 0.0)
        assert hypotheses[0].ids == ids
        assert hypotheses[0].score == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("seed", range(20))
def test_an_image_gets_the_same_captions_in_any_company(seed, width):
    """Also where it is done before the others, and going on would find better ones."""
    options = {"beam_width": width, "max_length": 12, "length_penalty": 1.5}
    together = TableStepper(4, width, seed)
    found = search(together, 4, **options)
    for image in range(4):
        alone = TableStepper(4, width, seed)
        alone.table, alone.batch = alone.table[image : image + 1], 1
        single = search(alone, 1, **options)[0]
        assert [h.ids for h in single] == [h.ids for h in found[image]]


@pytest.mark.parametrize("seed", range(20))
def test_greedy_is_beam_width_one(seed):
    stepper = TableStepper(1, 1, seed)
    ids, word = [], START
    while len(ids) < 6 and (word := int(stepper.table[0, word].argmax())) != END:
        ids.append(word)
    found = search(stepper, 1, beam_width=1, max_length=6, length_penalty=0.0)
    assert found[0][0].ids == tuple(ids)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_score_is_the_log_probability_over_the_length_to_the_penalty(seed, alpha):
    stepper, lengths = TableStepper(1, 8, seed), set()
    for hypothesis in search(stepper, 1, beam_width=8, max_length=4, length_penalty=alpha)[0]:
        lengths.add(len(hypothesis.ids))
        ended = len(hypothesis.ids) < 4
        path = [START, *hypothesis.ids, *([END] if ended else [])]
        total = sum(stepper.table[0, a, b] for a, b in itertools.pairwise(path))
        expected = total / (len(path) - 1) ** alpha
        assert hypothesis.score == pytest.approx(expected, abs=1e-5)
    assert len(lengths) > 1


def test_log_probabilities_and_attention_follow_the_hypothesis():
    stepper = TableStepper(1, 4)
    for hypothesis in search(stepper, 1, beam_width=4, max_length=5)[0]:
        path = [START, *hypothesis.ids]
        expected = [stepper.table[0, a, b] for a, b in itertools.pairwise(path)]
        np.testing.assert_allclose(hypothesis.log_probs, expected, rtol=1e-5)
        assert hypothesis.attention[:, 0].tolist() == path[:-1]


def test_min_length_and_max_length():
    for hypothesis in search(TableStepper(2, 3), 2, beam_width=3, min_length=4, max_length=5)[1]:
        assert 4 <= len(hypothesis.ids) <= 5


@pytest.mark.parametrize("n", [2, 3])
def test_no_ngram_occurs_twice(n):
    options = {"beam_width": 4, "min_length": 7, "max_length": 7}
    free = search(TableStepper(2, 4), 2, **options)[0][0].ids
    assert repeats(free, n)
    for hypothesis in itertools.chain(*search(TableStepper(2, 4), 2, no_repeat_ngram=n, **options)):
        assert not repeats(hypothesis.ids, n)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_of_captions_without_repeats_the_best_is_found(n):
    stepper = TableStepper(1, 16)
    found = search(stepper, 1, beam_width=16, max_length=4, length_penalty=0.0, no_repeat_ngram=n)
    expected = exhaustive(stepper.table[0], 4, 0.0, lambda ids: not repeats(ids, n))
    assert found[0][0].ids == expected[1]


def test_vetoed_words_never_appear():
    never = [[2], [3]]
    found = search(TableStepper(1, 3), 1, never=never, beam_width=3, min_length=4)
    assert all(set(hypothesis.ids) == {4} for hypothesis in found[0])


@pytest.mark.parametrize("phrase", [(2, 3), (3, 3), (4, 2, 3)])
def test_a_phrase_never_appears_and_the_best_without_it_is_found(phrase):
    def allowed(ids):
        return not any(ids[at : at + len(phrase)] == phrase for at in range(len(ids)))

    for seed in range(20):
        stepper = TableStepper(1, 16, seed)
        found = search(stepper, 1, never=[phrase], **WIDE)
        assert all(allowed(hypothesis.ids) for hypothesis in found[0])
        assert found[0][0].ids == exhaustive(stepper.table[0], 4, 0.0, allowed)[1]


@pytest.mark.parametrize("once", [(2,), (2, 4)])
def test_no_such_word_occurs_twice_and_the_best_of_such_captions_is_found(once):
    def allowed(ids):
        return all(ids.count(word) <= 1 for word in once)

    changed = 0
    for seed in range(20):
        stepper = TableStepper(1, 16, seed)
        found = search(stepper, 1, once=once, **WIDE)
        best = exhaustive(stepper.table[0], 4, 0.0, allowed)[1]
        assert found[0][0].ids == best
        changed += best != exhaustive(stepper.table[0], 4, 0.0)[1]
    assert changed


def test_no_caption_ends_with_a_word_that_is_never_last():
    changed = 0
    for seed in range(20):
        stepper = TableStepper(1, 16, seed)
        found = search(stepper, 1, never_last=[[2], [3]], **WIDE)
        best = exhaustive(
            stepper.table[0], 4, 0.0, lambda ids: len(ids) == 4 or ids[-1:] == (4,) or not ids
        )
        assert found[0][0].ids == best[1]
        changed += best[1] != exhaustive(stepper.table[0], 4, 0.0)[1]
    assert changed


def test_all_words_vetoed_gives_an_empty_caption_and_no_crash():
    never = [[word] for word in range(5)]
    found = search(TableStepper(1, 3), 1, never=never, beam_width=3, min_length=4)
    assert found[0][0].ids == ()


def test_length_penalty_lengthens():
    lengths = [
        len(search(TableStepper(1, 8, 3), 1, beam_width=8, length_penalty=a)[0][0].ids)
        for a in (0.0, 3.0)
    ]
    assert lengths[0] < lengths[1]


@pytest.mark.parametrize(
    "values",
    [
        {"beam_width": 0},
        {"beam_width": 17},
        {"length_penalty": -0.1},
        {"max_length": 0},
        {"min_length": 9, "max_length": 8},
        {"beam_width": 3, "num_alternatives": 3},
        {"no_repeat_ngram": -1},
    ],
)
def test_bad_options_are_refused_as_a_whole(values):
    with pytest.raises(OptionsError, match="expected"):
        DecodingOptions(**values)


def chosen(parents, words):
    """One image, two beams; a word's log-probability and attention tell which it is."""
    words = np.array([words], np.int32)
    attention = np.array([[[10.0, 0.0], [20.0, 0.0]]], np.float32)
    return Step(np.array([parents]), words, -words.astype(np.float32), attention)


def two_steps():
    trellis = Trellis(1, 2)
    trellis.add(chosen([0, 0], [3, 4]))
    trellis.add(chosen([1, 0], [5, 6]))
    return trellis


def test_a_path_follows_its_parents():
    found = two_steps().hypothesis(0, Ended(-1.5, 2, 0))
    assert found.ids == (4, 5) and found.score == -1.5
    assert found.log_probs.tolist() == [-4.0, -5.0]
    # The first word was predicted in row 0, the second in row 1, which carried it on.
    assert found.attention.tolist() == [[10.0, 0.0], [20.0, 0.0]]


def test_a_path_may_end_before_the_last_step_or_at_once():
    assert two_steps().hypothesis(0, Ended(-1.0, 1, 1)).ids == (4,)
    empty = two_steps().hypothesis(0, Ended(-1.0, 0, 0))
    assert empty.ids == () and empty.attention.shape == (0, 2)


def test_the_words_of_every_live_row():
    assert two_steps().words.tolist() == [[[4, 5], [3, 6]]]
    assert Trellis(1, 2).words.shape == (1, 2, 0)


def test_a_pool_keeps_the_best_and_takes_nothing_once_closed():
    pool = Pool(2)
    for score in (-3.0, -1.0, -np.inf, -2.0):
        pool.add(Ended(score, 1, 0))
    assert [ended.score for ended in pool.ended] == [-1.0, -2.0]
    pool.close_unless_beaten_by(-1.5)
    assert not pool.closed
    pool.close_unless_beaten_by(-2.5)
    pool.add(Ended(-0.5, 1, 0))
    assert pool.closed and [ended.score for ended in pool.ended] == [-1.0, -2.0]
