"""The model card that lies in a bundle as README.md, written from its manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from ros2_captioner.bundle.manifest import scores_by_source

CARD = "README.md"
METRICS = ("CIDEr", "BLEU-4", "METEOR", "ROUGE-L", "people invented", "people missed", "CHAIR_i")


def model_card(manifest: Mapping[str, Any]) -> str:
    """Markdown: what the model is, its data and licence, its scores, its limits."""
    training = manifest["training"]
    architecture = manifest["architecture"]
    encoder, words = architecture["encoder"], architecture["vocabulary_size"]
    side = manifest["preprocessing"]["size"]
    return f"""# {manifest["name"]}

{encoder} encoder, {_encoder_training(training["history"])}, and
{_DECODERS[architecture["decoder"]]} with a vocabulary of {words} words.
Input: one RGB picture, squashed to {side}x{side}. Output: one English sentence.

## Data and licence
{_sources(training)}
The licence of the code does not cover these weights: the terms of their data do.
{_start(training)} Check that these terms suit your use.

## Training
With `training.train` at commit {training["commit"][:12]} and seed {training["seed"]}:
{_epochs(training["history"])}.
{training.get("note", "")}
`manifest.json` holds the settings and the scores of every epoch.

## Scores
{metrics_table(manifest["metrics"])}

Epochs are chosen by their scores on the validation split, so expect scores a little lower on new
pictures.

## Intended use and limits
Short descriptions of everyday scenes for logs and operators. The model knows the words and the
scenes of its training data and names the nearest of them when it sees anything else; it miscounts,
mistakes colours and genders, and reads no text. Never let a safety function depend on a caption.
{_failures(manifest.get("failures", []))}"""


_DECODERS = {
    "adaptive_attention_lstm": "an adaptive attention LSTM decoder (Lu et al. 2017)",
    "soft_attention_lstm": "a soft attention LSTM decoder (Xu et al. 2015)",
}
_WHAT = {
    "frozen": "{} with cross-entropy",
    "finetune": "{} with cross-entropy",
    "self_critical": " of self-critical training{} on CIDEr-D",
}
_ALL = 4  # stages of a ResNet
_SPANS = 4  # of epochs that are told in their order


def _start(training: Mapping[str, Any]) -> str:
    weights = training.get("encoder_weights", "weights trained on ImageNet")
    named = {"random": "random weights", "torchvision": "torchvision's ImageNet weights"}
    return f"The encoder started from {named.get(weights, weights)}."


def _sources(training: Mapping[str, Any]) -> str:
    """What the model was trained on, a Markdown item each; the first bundles tell of one source."""
    alone = {"name": training["data"], "licence": training.get("licence", "unknown")}
    sources = training.get("sources", [alone])
    items = [f"- {one['name']}: {one['licence']}{_teacher(one)}" for one in sources]
    return "\n".join(["Trained on", "", *items, ""])


def _teacher(source: Mapping[str, Any]) -> str:
    """Whose words stood in for those of people in cross-entropy, if any did."""
    if "teacher" not in source:
        return ""
    return f"; cross-entropy with the word probabilities of the run {source['teacher']}"


def _encoder_training(history: Sequence[Mapping[str, Any]]) -> str:
    tuned = any(_encoder_stages(entry) for entry in history)
    return "fine-tuned" if tuned else "as its start weights left it"


def _encoder_stages(entry: Mapping[str, Any]) -> int | None:
    """How many of the encoder's four stages an epoch trained; None if its run did not tell."""
    assumed = {"frozen": 0, "finetune": _ALL}.get(entry["stage"])
    told: int | None = entry.get("encoder_stages", assumed)
    return told


def _epochs(history: Sequence[Mapping[str, Any]]) -> str:
    """The stages of all epochs that led to the model, in words."""
    trained = [(entry["stage"], _encoder_stages(entry)) for entry in history]
    spans = [(what, len(list(same))) for what, same in groupby(trained)]
    in_order = len(spans) <= _SPANS
    said = [
        f"{count} epoch{'s' if count > 1 else ''}{_WHAT[stage].format(_trained(encoder))}"
        for (stage, encoder), count in (spans if in_order else Counter(trained).items())
    ]
    if in_order:
        return ",\nthen ".join(said)
    return "the stages alternated; in total " + ",\n".join(said)


def _trained(encoder_stages: int | None) -> str:
    if encoder_stages is None:
        return ""
    if encoder_stages in (0, _ALL):
        return " of encoder and decoder" if encoder_stages else " of the decoder"
    last = "last stage" if encoder_stages == 1 else f"last {encoder_stages} stages"
    return f" of the decoder and the encoder's {last}"


def _failures(failures: Sequence[Mapping[str, str]]) -> str:
    """A Markdown section with a row for each, or nothing."""
    if not failures:
        return ""
    rows = [_row([entry[key] for key in ("picture", "caption", "reference")]) for entry in failures]
    header = "| picture | the model says | a person says |\n|---|---|---|"
    return "\n".join(["\n## Where it fails worst", header, *rows, ""])


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """A Markdown table with a row for each source and variant, and the signatures below."""
    if not metrics:
        return (
            "Not measured yet; type: python -m training.evaluate --bundle ... --config ... --record"
        )
    measured = [
        (source, variant, scores)
        for variant, found in sorted(metrics.items())
        for source, scores in scores_by_source(found).items()
    ]
    rows = [
        _row([source, variant, *map(_share, _values(scores))])
        for source, variant, scores in measured
    ]
    signatures = {scores["signature"] for _, _, scores in measured}
    header = f"| data | variant | {' | '.join(METRICS)} |\n|---|---|{'---|' * len(METRICS)}"
    return "\n".join(
        [header, *sorted(rows), "", *(f"- Signature: {t}." for t in sorted(signatures))]
    )


def _row(cells: Iterable[str]) -> str:
    """Of a Markdown table, whose columns a bar in a cell would shift."""
    escaped = [cell.replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def _values(scores: Mapping[str, Any]) -> list[float | None]:
    return [scores.get(name) for name in METRICS]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
