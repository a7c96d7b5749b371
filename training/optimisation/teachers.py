"""Earlier runs that teach: a batch's targets become what their decoders predict of its images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ros2_captioner.vocabulary import Vocabulary
from training.config.settings import ConfigError, TrainConfig
from training.data.batches import Batch
from training.data.captions import CaptionedImage
from training.model.captioning import CaptionModel
from training.model.encoder import GridEncoder
from training.optimisation.run import Run, load_run

_RELATED = 0.2  # of two encoders' weights that one training made of the other's, the distance


def load_teachers(
    config: TrainConfig, encoder: GridEncoder, earlier: Run | None = None
) -> dict[str, Run]:
    """The teacher of each source that names one, by the source's name; each run is loaded once.

    Args:
        config: of the run that is taught.
        encoder: that it begins with.
        earlier: that it starts from, if it starts from one.

    Raises:
        ConfigError: no run is there, or its decoder could not read this encoder's grid; names the
            source.
    """
    taught = {source.name: source.teacher for source in config.data.train if source.teacher}
    runs = {config.start_from: earlier} if earlier else {}
    for name, folder in taught.items():
        try:
            runs[folder] = runs.get(folder) or load_run(Path(folder))
        except ConfigError as error:
            raise ConfigError(f"teacher of source {name!r}: {error}") from error
        if _distance(encoder, runs[folder].model.encoder) > _RELATED:
            raise ConfigError(
                f"teacher of source {name!r}: found an unrelated encoder in {folder}; expected "
                "one of the same start weights, or their average, as its decoder has to read the "
                "grid of this model's encoder"
            )
    return {name: runs[folder] for name, folder in taught.items()}


@torch.no_grad()
def _distance(one: GridEncoder, other: GridEncoder) -> float:
    """Between two encoders' weights, as a share of their length; infinite if they do not fit."""
    pairs = list(zip(one.parameters(), other.parameters(), strict=False))
    if any(own.shape != its.shape for own, its in pairs):
        return math.inf
    apart = sum(float((own - its).square().sum()) for own, its in pairs)
    return math.sqrt(apart / sum(float(own.square().sum()) for own, _ in pairs))


class Teachers(nn.Module):
    """Word probabilities of several decoders as targets (Hinton et al. 2015, section 2).

    A teacher reads the grid of the encoder in training, so that no image is encoded twice; the
    two encoders must be related.

    Args:
        runs: by the names of the sources that they teach.
        images: of a stage; a batch's indices point into it.
        model: that is taught.
        vocabulary: of that model.
    """

    of_image: Tensor

    def __init__(
        self,
        runs: Mapping[str, Run],
        images: Sequence[CaptionedImage],
        model: CaptionModel,
        vocabulary: Vocabulary,
    ) -> None:
        super().__init__()
        self._vocabulary_size = len(vocabulary)
        places = {name: place for place, name in enumerate(runs)}
        of_image = [places.get(image.source, -1) for image in images]
        self.register_buffer("of_image", torch.tensor(of_image))
        self._teachers = nn.ModuleList(_Teacher(run, model, vocabulary) for run in runs.values())

    def forward(self, batch: Batch, grid: Tensor) -> Batch:
        """The batch with what teachers predict of their images in place of what people said.

        Args:
            batch: of images.
            grid: ``[B, L, C]`` that the encoder in training made of them.

        Returns:
            ``targets`` float ``[M, V]``, of an image without a teacher one for the word that
            follows; ``known`` float ``[B, E]``.
        """
        targets = nn.functional.one_hot(batch.targets, self._vocabulary_size).float()
        known = batch.known.float()
        teacher_of = self.of_image[batch.indices]
        for place, teacher in enumerate(self._teachers):
            taught = teacher_of == place
            if not taught.any():
                continue
            words = taught[:, None, None].expand_as(batch.valid)[batch.valid]
            targets[words], evidence = teacher(
                grid[taught], batch.tokens[taught], batch.valid[taught]
            )
            if evidence is not None:
                known[taught] = evidence
        return batch._replace(targets=targets, known=known)


class _Teacher(nn.Module):
    """A run's decoder in the words of another model.

    Args:
        run: an earlier one.
        model: that is taught.
        vocabulary: of that model.
    """

    its_ids: Tensor
    shared: Tensor

    def __init__(self, run: Run, model: CaptionModel, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._decoder = run.model.decoder
        its = {word: place for place, word in enumerate(run.vocabulary.words)}
        its_ids = [its.get(word, run.vocabulary.unknown) for word in vocabulary.words]
        shared = [place for place, word in enumerate(vocabulary.words) if word in its]
        self.register_buffer("its_ids", torch.tensor(its_ids))
        self.register_buffer("shared", torch.tensor(shared))
        own = _evidence_words(model, vocabulary)
        self._same_evidence = bool(own) and own == _evidence_words(run.model, run.vocabulary)

    def train(self, mode: bool = True) -> _Teacher:
        """Dropout stays off: a teacher says what it would say to anyone."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, grid: Tensor, tokens: Tensor, valid: Tensor) -> tuple[Tensor, Tensor | None]:
        """Probabilities ``[M, V]`` of the words that follow, and evidence.

        Words that only the teacher knows share their probability among the others.

        Args:
            grid: ``[B, L, C]``.
            tokens: int64 ``[B, N, T]`` in the other model's vocabulary.
            valid: bool ``[B, N, T]``.

        Returns:
            The probabilities, and those ``[B, E]`` of the words with evidence, if the teacher
            has evidence for the same ones.
        """
        prepared = self._decoder.prepare(grid)
        logits, _ = self._decoder(prepared, self.its_ids[tokens], valid)
        known = logits.float()[:, self.its_ids[self.shared]].softmax(dim=-1)
        probabilities = known.new_zeros(len(known), len(self.its_ids))
        probabilities[:, self.shared] = known
        if not self._same_evidence:
            return probabilities, None
        assert prepared.word_logits is not None
        return probabilities, prepared.word_logits.float().sigmoid()


def _evidence_words(model: CaptionModel, vocabulary: Vocabulary) -> list[str]:
    """The words that a model gives evidence for, in its order."""
    return [vocabulary.words[place] for place in model.evidence_ids.tolist()]
