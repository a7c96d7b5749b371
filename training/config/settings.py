"""A training run's settings; `training.config.file` fills them from a YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.errors import CaptionerError, OptionsError
from training.config.ranges import SHARE, WEIGHT, Choice, Range, faults, setting

ENCODERS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
DECODERS = ("adaptive_attention", "soft_attention")
# Those of `DecodingOptions` that decide on a caption, which a config sets and training.evaluate
# tries.
SEARCH = (
    "beam_width",
    "length_penalty",
    "min_length",
    "max_length",
    "no_repeat_ngram",
    "no_repeat_objects",
    "never_last",
    "banned_words",
)


# In it `training.config.file` replaces ``~``, as no shell does in a YAML file.
UserPath = Annotated[str, "path"]


class ConfigError(CaptionerError):
    """A config, or the data, weights or run that it names, cannot be used."""


class Settings:
    """A section of the config, whose values are checked when it is made."""

    def __post_init__(self) -> None:
        found = faults(self)
        if found:
            raise ConfigError("; ".join(found))


@dataclass(frozen=True)
class SourceConfig(Settings):
    """One source of data; what it is follows from the one of the four files that it names.

    Attributes:
        name: in scores and in the model card.
        images: folder of its images.
        captions: COCO captions JSON, or a Karpathy split JSON.
        objects: JSON ``{file name: {object: share of the image}}``: what is there, and by its
            absence from an image's list what is not. Teaches evidence for words.
        names: JSON list of file names without labels; without any of the four files, all
            images of the folder. Keeps the encoder near its start weights
            (`OptimConfig.distillation`).
        sentences: JSON ``{image id: [sentence, ...]}`` of images that are not there. Teaches
            language (`OptimConfig.sentence_weight`).
        licence: of the data, kept in the model card.
        weight: how often an epoch shows each of its images; 0.5 shows half of them.
        part: ``all`` images, ``train`` (four fifths, chosen by their names) or ``held_out``.
        teacher: folder of an earlier run; in cross-entropy the model learns not which word follows
            in a caption, but how likely that run's decoder finds each (Hinton et al. 2015), and
            its evidence, if that is for the same words.
    """

    name: str
    images: UserPath = ""
    captions: UserPath = ""
    objects: UserPath = ""
    names: UserPath = ""
    sentences: UserPath = ""
    licence: str = "unknown"
    weight: float = setting(1.0, Range(0, 100, above=True))
    part: str = setting("all", Choice(("all", "train", "held_out")))
    teacher: UserPath = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        kinds = ("captions", "objects", "names", "sentences")
        given = [kind for kind in kinds if getattr(self, kind)]
        if len(given) > 1:
            raise ConfigError(f"source {self.name!r}: found {given}; expected one of {kinds}")
        if not self.images and not self.sentences:
            raise ConfigError(f"source {self.name!r}: found no 'images'; expected a folder")
        if self.sentences and (self.images or self.weight != 1 or self.part != "all"):
            raise ConfigError(
                f"source {self.name!r}: found 'images', 'weight' or 'part' with 'sentences'; "
                "expected none, as these are sentences of images that are not there"
            )
        if self.teacher and not self.captions:
            raise ConfigError(
                f"source {self.name!r}: found a 'teacher' without 'captions'; expected captions, "
                "after whose words it is asked what follows"
            )


@dataclass(frozen=True)
class DataConfig(Settings):
    """What a model learns from and what it is chosen by.

    Attributes:
        train: sources of training data, at least one with captions.
        val: sources that epochs are scored on; those with captions choose the best epoch.
        min_word_count: words that occur fewer times in the training captions become ``<unk>``.
        max_words: longer captions are cut for training.
    """

    train: tuple[SourceConfig, ...]
    val: tuple[SourceConfig, ...]
    min_word_count: int = setting(5, Range(1))
    max_words: int = setting(25, Range(1, 50))

    def __post_init__(self) -> None:
        super().__post_init__()
        for split, sources in (("train", self.train), ("val", self.val)):
            names = [source.name for source in sources]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ConfigError(
                    f"{split}: found two sources of the name {twice!r}; expected a name for each"
                )
        for key, none, reason in (
            ("weight", 1, "every image is scored once"),
            ("teacher", "", "nothing is learnt from its images"),
        ):
            given = next((one.name for one in self.val if getattr(one, key) != none), None)
            if given is not None:
                raise ConfigError(
                    f"val: found a {key!r} of source {given!r}; expected none, as {reason}"
                )


@dataclass(frozen=True)
class ModelConfig(Settings):
    """The network.

    Attributes:
        encoder: torchvision name, ``resnet18`` to ``resnet152``.
        encoder_weights: ``torchvision`` (downloaded), ``random``, or a safetensors file with
            torchvision's key names.
        stride_in_1x1: the weights are of ResNet v1, whose bottlenecks stride in their first 1x1
            convolution; torchvision's own stride in the 3x3.
        image_size: side of the encoder's input in pixels, a multiple of a grid cell's 32.
        decoder: ``adaptive_attention`` (Lu et al. 2017) or ``soft_attention`` (Xu et al. 2015).
        width: D, projected features, and A, attention keys.
        hidden: H, LSTM state; also the word embedding, which is tied to the output layer.
        dropout: on the grid, on embeddings and before the output layer.
        evidence_words: E, the most frequent content words that the encoder gives evidence for
            (see `training.model.evidence`); 0 leaves evidence out.
        evidence_dropout: share of the words whose evidence a training step hides from the decoder.
    """

    encoder: str = setting("resnet50", Choice(ENCODERS))
    encoder_weights: UserPath = "torchvision"
    stride_in_1x1: bool = False
    image_size: int = setting(224, Range(32, 1024, step=32))
    decoder: str = setting("adaptive_attention", Choice(DECODERS))
    width: int = setting(512, Range(1, 8192))
    hidden: int = setting(512, Range(1, 8192))
    dropout: float = setting(0.5, Range(0, 1, below=True))
    evidence_words: int = setting(0, Range(0, 8192))
    evidence_dropout: float = setting(0.3, SHARE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride_in_1x1 and self.encoder_weights == "torchvision":
            raise ConfigError(
                "stride_in_1x1: found it with encoder_weights 'torchvision', which stride in the "
                "3x3; expected false, or a file of ResNet v1 weights"
            )
        if self.stride_in_1x1 and self.encoder in ("resnet18", "resnet34"):
            raise ConfigError(
                f"stride_in_1x1: found it with {self.encoder}, which has no 1x1 convolution to "
                "stride in; expected false"
            )


@dataclass(frozen=True)
class StageConfig(Settings):
    """A span of epochs; each stage has its own optimiser, linear warm-up and cosine decay.

    Attributes:
        epochs: 0 leaves the stage out.
        batch: images a step, in all processes together; each with all its captions, or with five
            drawn by chance if it has more.
        decoder_lr: peak learning rate of the decoder.
        encoder_lr: peak learning rate of the encoder; 0 leaves it as it is.
        encoder_stages: how many of the ResNet's four stages train, counted from the output; 4
            trains the stem as well. What lies below is computed once and cached on disk.
        warmup_steps: steps of linear warm-up.
    """

    epochs: int = setting(0, Range(0, 10_000))
    batch: int = setting(16, Range(1, 65_536))
    decoder_lr: float = setting(1e-3, SHARE)
    encoder_lr: float = setting(0.0, SHARE)
    encoder_stages: int = setting(0, Range(0, 4))
    warmup_steps: int = setting(100, Range(0))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs and self.encoder_lr and not self.encoder_stages:
            raise ConfigError(
                f"encoder_lr: found {self.encoder_lr} with encoder_stages 0, which trains nothing "
                "of the encoder; expected encoder_stages 1 to 4, or encoder_lr 0"
            )

    @property
    def trained_encoder_stages(self) -> int:
        """How many of the ResNet's stages change; none at rate 0, where they just read frames."""
        return self.encoder_stages if self.encoder_lr else 0


@dataclass(frozen=True)
class OptimConfig(Settings):
    """What all stages share; a run may be resumed with other ``workers`` and ``parts``.

    Attributes:
        weight_decay: AdamW's.
        label_smoothing: of the cross-entropy.
        clip_norm: gradients are clipped to this global norm.
        ema_decay: of the moving average of all weights, which is what is validated, kept as
            best, and handed to the next stage; 0 keeps the weights as they are.
        crop_area: smallest share of an image that a random crop keeps where frames are read
            each epoch; 1 crops nothing.
        mirror: half of the frames that are read are mirrored, but never one whose captions speak
            of left or right.
        jitter: brightness, contrast and saturation of the frames that are read are each scaled by
            a random factor of at least 1 - jitter and at most 1 + jitter.
        precision: of the arithmetic: float32, bfloat16, float16 (with scaled gradients), or auto:
            bfloat16 where the processor computes with it, otherwise float32.
        parts: a step's images are computed in so many parts, one after the other, which saves
            memory and changes nothing else; but in self-critical training the losses beside the
            reward count a little more in a part whose samples are longer.
        scheduled_sampling: share of words at the end of a cross-entropy stage that the decoder
            takes from its own predictions; rises linearly from 0 (Bengio et al. 2015).
        attention_penalty: weight of the doubly stochastic attention penalty (Xu et al. 2015,
            section 4.2.1) in the cross-entropy of captions.
        samples: captions drawn per image in self-critical training, each judged by the others.
        bleu_weight: its reward is CIDEr-D plus so many times BLEU-4.
        truth_weight: its reward loses so much for each object or person that a sample names and
            no reference does.
        evidence_weight: of the cross-entropy of the evidence for words, summed over words.
        distillation: weight of the cross-entropy with the start weights' own ImageNet classes,
            which keeps the encoder from forgetting them (Li and Hoiem 2016).
        sentence_weight: of the cross-entropy of sentences without images, as many groups a step
            as there are images.
        sampled_dropout: dropout stays on in self-critical training, which then learns from less
            confident captions than a model gives of images that it has memorised.
        workers: processes that read images while others are trained on, for each process that
            trains; 0 reads in the training process; -1 shares out the processors beside a GPU, at
            most 8 each, and is 0 on a CPU, which is busy with the training.
    """

    weight_decay: float = setting(1e-2, SHARE)
    label_smoothing: float = setting(0.1, Range(0, 1, below=True))
    clip_norm: float = setting(5.0, Range(0, above=True))
    ema_decay: float = setting(0.0, Range(0, 1, below=True))
    crop_area: float = setting(1.0, Range(0, 1, above=True))
    mirror: bool = False
    jitter: float = setting(0.0, SHARE)
    precision: str = setting("float32", Choice(("auto", "float32", "bfloat16", "float16")))
    parts: int = setting(1, Range(1, 65_536))
    scheduled_sampling: float = setting(0.0, SHARE)
    attention_penalty: float = setting(0.0, WEIGHT)
    samples: int = setting(5, Range(2, 1000))
    bleu_weight: float = setting(0.0, WEIGHT)
    truth_weight: float = setting(0.0, WEIGHT)
    evidence_weight: float = setting(0.0, WEIGHT)
    distillation: float = setting(0.0, WEIGHT)
    sentence_weight: float = setting(0.0, WEIGHT)
    sampled_dropout: bool = False
    workers: int = setting(0, Range(-1, 256))


@dataclass(frozen=True)
class ValidationConfig(Settings):
    """Validation by beam search after each epoch.

    Attributes:
        beam_width: of the search, as the seven that follow, see `DecodingOptions`; the exported
            bundle takes them over.
        length_penalty: exponent that favours longer captions.
        min_length: words before a caption may end.
        max_length: words after which it is cut.
        no_repeat_ngram: no n-gram of this many words occurs twice, nor a word twice running.
        no_repeat_objects: no word for an object or a place occurs twice.
        never_last: words and phrases that no caption ends with.
        banned_words: words and phrases that captions never contain.
        batch: images searched together; a run may be resumed with another number.
        patience: a stage ends after so many epochs without a better CIDEr; 0 never ends early.
        keep: so many epochs with the highest CIDEr keep their weights, for `training.average`.
    """

    beam_width: int = DecodingOptions.beam_width
    length_penalty: float = DecodingOptions.length_penalty
    min_length: int = DecodingOptions.min_length
    max_length: int = DecodingOptions.max_length
    no_repeat_ngram: int = DecodingOptions.no_repeat_ngram
    no_repeat_objects: bool = DecodingOptions.no_repeat_objects
    never_last: tuple[str, ...] = DecodingOptions.never_last
    banned_words: tuple[str, ...] = DecodingOptions.banned_words
    batch: int = setting(50, Range(1, 65_536))
    patience: int = setting(0, Range(0))
    keep: int = setting(0, Range(0))

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            _ = self.decoding
        except OptionsError as error:
            raise ConfigError(str(error)) from error

    @property
    def decoding(self) -> DecodingOptions:
        """The search."""
        return DecodingOptions(**{name: getattr(self, name) for name in SEARCH})


@dataclass(frozen=True)
class TrainConfig(Settings):
    """Everything a run needs; the file `config.json` of a run holds it.

    Attributes:
        name: of the data, part of the model's name.
        note: what the model card has to tell of the training that the settings do not.
        seed: fixes initialisation, shuffling and dropout.
        start_from: folder of an earlier run whose best weights and vocabulary this one takes;
            frequent words of the captions that it lacks are added.
        data: see `DataConfig`; likewise the rest.
        frozen: cross-entropy, usually of the decoder alone.
        finetune: cross-entropy, usually of decoder and encoder.
        self_critical: CIDEr-D of sampled captions as reward (Rennie et al. 2017).
    """

    name: str
    data: DataConfig
    note: str = ""
    seed: int = setting(1, Range(0, 2**31))
    start_from: UserPath = ""
    model: ModelConfig = field(default_factory=ModelConfig)
    frozen: StageConfig = field(default_factory=StageConfig)
    finetune: StageConfig = field(default_factory=StageConfig)
    self_critical: StageConfig = field(default_factory=StageConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        fault = self._contradiction()
        if fault:
            raise ConfigError(fault)

    def _contradiction(self) -> str:
        """Settings of different sections that make no sense together, in words; else nothing."""
        optim, words = self.optim, self.model.evidence_words
        if optim.sentence_weight and not words:
            return (
                "optim.sentence_weight: found it with model.evidence_words 0; expected evidence, "
                "which is all that a sentence without its image is told from"
            )
        if optim.sentence_weight and not any(source.sentences for source in self.data.train):
            return (
                "optim.sentence_weight: found it without 'sentences' in data.train; expected a "
                "source of them, or 0"
            )
        if optim.evidence_weight and not words:
            return (
                "optim.evidence_weight: found it with model.evidence_words 0; expected words to "
                "learn evidence for, such as 800, or optim.evidence_weight 0"
            )
        if words and not optim.evidence_weight and not self.start_from:
            return (
                f"model.evidence_words: found {words} with optim.evidence_weight 0, which never "
                "learns what is evidence; expected a weight, such as 0.1"
            )
        if optim.distillation and self.model.encoder_weights == "random":
            return (
                "optim.distillation: found it with random start weights; expected "
                "model.encoder_weights 'torchvision' or a safetensors file with ImageNet's classes "
                "in fc.weight and fc.bias"
            )
        return ""
