"""Caption metrics through pycocoevalcap, the reference implementation of the field."""

from __future__ import annotations

import contextlib
import io
import math
import subprocess
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import stdev
from typing import NamedTuple

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.vocabulary import space_out, tokenize
from training.scoring.errors import MetricsError
from training.scoring.java import has_java, java_lines, require_java

Tokens = dict[str, list[str]]


def check_pairs(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Refuse what would score wrongly in silence.

    Raises:
        MetricsError: counts differ, there are none, or an image has no reference.
    """
    if len(hypotheses) != len(references):
        raise MetricsError(
            f"found {len(hypotheses)} hypotheses for {len(references)} images; expected one each"
        )
    if not references:
        raise MetricsError("found no images to score; expected at least one")
    for place, captions in enumerate(references):
        if not captions:
            raise MetricsError(f"image {place} has no reference caption")


def one_line(text: str) -> str:
    """A caption with single spaces for white space of any kind, line breaks included."""
    # A lone surrogate, as broken JSON may hold, has no UTF-8.
    return " ".join(text.encode("utf-8", "replace").decode().split())


def ptb_tokens(captions: Sequence[Sequence[str]]) -> Tokens:
    """Tokenise with the Penn Treebank tokeniser of pycocoevalcap, which leaves punctuation out.

    Chinese and Japanese characters are words, as in `tokenize`: it would take a sentence for one.

    Raises:
        MetricsError: Java is missing or fails, or the tokeniser loses count of the captions.
    """
    from pycocoevalcap.tokenizer import ptbtokenizer

    lines = [one_line(space_out(text)) for texts in captions for text in texts]
    tokenised = java_lines(
        ["-cp", ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR,
         "edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase"],
        lines,
        Path(ptbtokenizer.__file__).parent,
    )  # fmt: skip
    if len(tokenised) != len(lines):
        raise MetricsError(
            f"the Penn Treebank tokeniser made {len(tokenised)} lines of {len(lines)} captions"
        )
    dropped = frozenset(ptbtokenizer.PUNCTUATIONS)
    each = iter(
        " ".join(word for word in line.split(" ") if word not in dropped) for line in tokenised
    )
    return {str(i): [next(each) for _ in texts] for i, texts in enumerate(captions)}


def plain_tokens(captions: Sequence[Sequence[str]]) -> Tokens:
    """Tokenise as training does; close to the Penn Treebank's result and needs no Java."""
    return {str(i): [" ".join(tokenize(t)) for t in texts] for i, texts in enumerate(captions)}


def score_tokens(
    hypotheses: Tokens, references: Tokens, *, meteor: bool = False
) -> dict[str, float]:
    """Corpus scores, x1, of tokenised captions.

    Args:
        hypotheses: one caption for each image key.
        references: captions for the same keys.
        meteor: add METEOR, which needs Java.

    Returns:
        BLEU-1 to BLEU-4, ROUGE-L and CIDEr (CIDEr-D, document frequencies of these references).
    """
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    with contextlib.redirect_stdout(io.StringIO()):  # the BLEU scorer prints its lengths
        bleu, _ = Bleu(4).compute_score(references, hypotheses, verbose=0)
    scores = {f"BLEU-{order}": float(value) for order, value in enumerate(bleu, start=1)}
    if meteor:
        scores["METEOR"] = _meteor(hypotheses, references)
    scores["ROUGE-L"] = float(Rouge().compute_score(references, hypotheses)[0])
    scores["CIDEr"] = float(Cider().compute_score(references, hypotheses)[0])
    return scores


def _meteor(hypotheses: Tokens, references: Tokens) -> float:
    """METEOR 1.5 through its line protocol: statistics of each caption, then the score of all."""
    from pycocoevalcap.meteor import meteor

    folder = Path(meteor.__file__).parent
    program = ["-jar", "-Xmx2G", meteor.METEOR_JAR, "-", "-", "-stdio", "-l", "en", "-norm"]
    # An empty line breaks the protocol; a full stop matches nothing and scores zero.
    questions = [
        " ||| ".join(["SCORE", *map(_plain, references[key]), _plain(texts[0]) or "."])
        for key, texts in hypotheses.items()
    ]
    statistics = java_lines(program, questions, folder)
    answers = java_lines(program, [" ||| ".join(["EVAL", *statistics])], folder)
    if len(statistics) != len(questions) or len(answers) != len(questions) + 1:
        raise MetricsError(f"METEOR gave {len(answers)} answers of {len(questions)} captions")
    try:
        return float(answers[-1])
    except ValueError as error:
        raise MetricsError(f"METEOR answered {answers[-1]!r}; expected a number") from error


def _plain(tokens: str) -> str:
    """Tokens without what METEOR's protocol takes for a separator."""
    return tokens.replace("|||", "").replace("  ", " ").strip()


def spice(hypotheses: Tokens, references: Tokens) -> float:
    """SPICE, x1, of tokenised captions; its Java parser wants 8 GB of memory.

    pycocoevalcap fetches the parser's models, about 400 MB, into itself the first time.

    Raises:
        MetricsError: Java does not start, the models cannot be fetched, or the parser fails.
    """
    from pycocoevalcap.spice.spice import Spice

    require_java()
    try:
        return float(Spice().compute_score(references, hypotheses)[0])
    except OSError as error:
        raise MetricsError(
            f"cannot fetch the models of SPICE ({error}); expected a way to nlp.stanford.edu and "
            "write access to pycocoevalcap's folder. Leave --spice out to do without"
        ) from error
    except subprocess.CalledProcessError as error:
        raise MetricsError(
            f"SPICE's parser ended with status {error.returncode}; expected Java 8 to 11 on an "
            "x86-64 machine with 8 GB of free memory. Leave --spice out to do without"
        ) from error


class Scores(NamedTuple):
    """Scores with the tokeniser that they hold for.

    Attributes:
        values: metric to score, x1.
        tokeniser: ``PTB``, or ``plain`` where Java is missing.
    """

    values: dict[str, float]
    tokeniser: str


def score_captions(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], *, with_spice: bool = False
) -> Scores:
    """All metrics of raw captions; without Java those that need none, under plain tokens.

    Raises:
        MetricsError: see `check_pairs`, `ptb_tokens` and `spice`.
    """
    check_pairs(hypotheses, references)
    java = has_java()
    tokens = ptb_tokens if java else plain_tokens
    found, expected = tokens([[text] for text in hypotheses]), tokens(references)
    values = score_tokens(found, expected, meteor=java)
    if with_spice:
        values["SPICE"] = spice(found, expected)
    return Scores(values, "PTB" if java else "plain")


def cider_each(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr, x1, of every raw caption under plain tokens.

    Raises:
        MetricsError: see `check_pairs`.
    """
    from pycocoevalcap.cider.cider import Cider

    check_pairs(hypotheses, references)
    found = plain_tokens([[text] for text in hypotheses])
    return [float(score) for score in Cider().compute_score(plain_tokens(references), found)[1]]


def cider_error(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Standard error of the mean of CIDEr over images, x1; NaN for a single image.

    So much would the score of as many other images be off by chance. Two models that caption
    the same images can be told apart at less, as they share what is hard.

    Raises:
        MetricsError: see `check_pairs`.
    """
    each = cider_each(hypotheses, references)
    return stdev(each) / math.sqrt(len(each)) if len(each) > 1 else math.nan


def caption_statistics(texts: Sequence[str]) -> dict[str, float]:
    """How varied captions are, and whether they repeat themselves.

    Returns:
        ``distinct``: number of different captions; ``words``: mean length; ``repeated bigrams``:
        share of all bigrams that their caption already had.
    """
    bigrams = [list(pairwise(text.split())) for text in texts]
    total = sum(map(len, bigrams))
    return {
        "distinct": len(set(texts)),
        "words": sum(len(text.split()) for text in texts) / max(1, len(texts)),
        "repeated bigrams": (total - sum(len(set(b)) for b in bigrams)) / max(1, total),
    }


def signature(split: str, images: int, options: DecodingOptions, tokeniser: str) -> str:
    """What must stand beside a number for it to mean anything."""
    return (
        f"pycocoevalcap {version('pycocoevalcap')}, {tokeniser} tokeniser, {split}, "
        f"{images} images, beam {options.beam_width}, "
        f"length penalty {options.length_penalty:g}, {', '.join(_rules(options))}, scores x1"
    )


def _rules(options: DecodingOptions) -> Iterator[str]:
    """What the search allows, in words."""
    yield f"{options.min_length} to {options.max_length} words"
    ngram = options.no_repeat_ngram
    yield f"no {ngram}-gram twice" if ngram else "repeats allowed"
    if options.no_repeat_objects:
        yield "no object twice"
    for what, words in (("last never", options.never_last), ("never", options.banned_words)):
        if said := [word for word in words if word.strip()]:  # an empty one bans nothing
            yield f"{what} {'/'.join(said)}"
