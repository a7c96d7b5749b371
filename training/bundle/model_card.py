"""The model card that lies in a bundle as README.md, written from its manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

CARD = "README.md"
METRICS = ("CIDEr", "BLEU-1", "BLEU-4", "METEOR", "ROUGE-L")


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
Trained on the training split of {training["data"]}: {training["licence"]}.
The encoder started from weights trained on ImageNet. Check that these terms suit your use.

## Training
With `training.train` at commit {training["commit"][:12]} and seed {training["seed"]}:
{_epochs(training["history"])}.
`manifest.json` holds the settings and the scores of every epoch.

## Scores
{metrics_table(manifest["metrics"])}

Epochs are chosen by their scores on the validation split, so expect a little less of new pictures
than the scores on it.

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
    "frozen": "of the decoder with cross-entropy",
    "finetune": "of encoder and decoder with cross-entropy",
    "self_critical": "of self-critical training on CIDEr-D",
}


def _encoder_training(history: Sequence[Mapping[str, Any]]) -> str:
    tuned = any(entry["stage"] == "finetune" for entry in history)
    return "fine-tuned" if tuned else "as its start weights left it"


def _epochs(history: Sequence[Mapping[str, Any]]) -> str:
    """The stages of all epochs that led to the model, in words."""
    stages = Counter(entry["stage"] for entry in history)
    return ",\nthen ".join(
        f"{count} epoch{'s' if count > 1 else ''} {_WHAT[stage]}" for stage, count in stages.items()
    )


def _failures(failures: Sequence[Mapping[str, str]]) -> str:
    """A Markdown section with a row for each, or nothing."""
    if not failures:
        return ""
    rows = [
        f"| {entry['picture']} | {entry['caption']} | {entry['reference']} |" for entry in failures
    ]
    header = "| picture | the model says | a person says |\n|---|---|---|"
    return "\n".join(["\n## Where it fails worst", header, *rows, ""])


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """A Markdown table with a row for each variant, and the signature below."""
    if not metrics:
        return "Not measured yet; type: python -m training.evaluate --bundle ... --record"
    rows = [
        f"| {variant} | " + " | ".join(f"{scores[name]:.3f}" for name in METRICS) + " |"
        for variant, scores in sorted(metrics.items())
    ]
    signatures = sorted({scores["signature"] for scores in metrics.values()})
    header = f"| variant | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}"
    return "\n".join([header, *rows, "", *(f"Signature: {text}." for text in signatures)])
