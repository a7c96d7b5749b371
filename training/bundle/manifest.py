"""Write a bundle's manifest, whole or not at all, and its model card."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from ros2_captioner.bundle import MANIFEST
from ros2_captioner.bundle.manifest import SCHEMA, SCHEMA_WITH_EVIDENCE
from ros2_captioner.output_files import replace_file
from ros2_captioner.preprocess import IMAGENET_MEAN, IMAGENET_STD, RESIZE_RULE
from ros2_captioner.vocabulary import SPECIAL_TOKENS
from training.bundle.graphs import STATE, describe
from training.bundle.model_card import CARD, model_card
from training.model.evidence import object_priors
from training.optimisation.run import Run
from training.optimisation.stages import STAGES


def build_manifest(run: Run, folder: Path, variants: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Describe the files of a bundle folder; metrics are added by ``training.evaluate``.

    Args:
        run: that the model came from; its validation's search becomes the default.
        folder: holds the vocabulary and all graphs.
        variants: precision to ``{"encoder": file name, "decoder": file name}``; the graphs of
            the float32 one are described, the others may differ in their float type.
    """
    model, evidence = run.config.model, run.model.decoder.evidence
    described = {MANIFEST, CARD}
    files = sorted(path.name for path in folder.iterdir() if path.name not in described)
    return {
        "schema": SCHEMA if evidence is None else SCHEMA_WITH_EVIDENCE,
        "name": f"{model.encoder}-{model.decoder.replace('_', '-')}-{run.config.name}",
        "architecture": {
            "encoder": model.encoder,
            "decoder": f"{model.decoder}_lstm",
            "width": model.width,
            "hidden": model.hidden,
            "cells": (model.image_size // 32) ** 2,
            "vocabulary_size": len(run.vocabulary),
            "evidence_words": model.evidence_words,
        },
        "preprocessing": {
            "size": model.image_size,
            "resize": RESIZE_RULE,
            "channels": "rgb",
            "mean": list(IMAGENET_MEAN),
            "std": list(IMAGENET_STD),
        },
        "special_tokens": {token: index for index, token in enumerate(SPECIAL_TOKENS)},
        "decoding": dataclasses.asdict(run.config.validation.decoding),
        "graphs": {
            "encoder": describe(folder / variants["float32"]["encoder"]),
            "decoder": describe(folder / variants["float32"]["decoder"]) | {"state": STATE},
        },
        "variants": variants,
        "files": {name: _fingerprint(folder / name) for name in files},
        **({} if evidence is None else {"evidence": object_priors(evidence, run.vocabulary)}),
        "training": _training_record(run),
        "metrics": {},
    }


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Replace the manifest, and the model card that follows from it, each whole or not at all."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    replace_file(folder / MANIFEST, text.encode())
    replace_file(folder / CARD, model_card(manifest).encode())


def _fingerprint(file: Path) -> dict[str, Any]:
    raw = file.read_bytes()
    return {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}


def _training_record(run: Run) -> dict[str, Any]:
    config = run.config
    stages = {name: dataclasses.asdict(getattr(config, name)) for name in STAGES}
    return {
        "data": config.name,
        "sources": run.sources,
        "note": config.note,
        "commit": run.commit.strip(),
        "seed": config.seed,
        # Its folder means nothing on another machine.
        "start_from": Path(config.start_from).name,
        "encoder_weights": Path(config.model.encoder_weights).name,
        "stages": {name: settings for name, settings in stages.items() if settings["epochs"]},
        "optim": dataclasses.asdict(config.optim),
        "history": run.progress.history,
    }
