"""A training run's settings; `training.config.file` fills them from a YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.errors import OptionsError


class ConfigError(ValueError):
    """A config file has an unknown key, a missing key or a value of the wrong type."""


@dataclass(frozen=True)
class DataConfig:
    """Where pictures and captions are.

    Attributes:
        images: folder of the training pictures.
        captions_train: COCO captions JSON, or a Karpathy split JSON (then also `captions_val`).
        captions_val: the same for validation.
        val_images: folder of the validation pictures; `images` if empty.
        min_word_count: rarer training words become ``<unk>``.
        max_words: longer captions are cut for training.
    """

    images: str
    captions_train: str
    captions_val: str
    val_images: str = ""
    min_word_count: int = 5
    max_words: int = 25


@dataclass(frozen=True)
class ModelConfig:
    """The network.

    Attributes:
        encoder: torchvision name, ``resnet18`` to ``resnet152``.
        encoder_weights: ``torchvision`` (downloaded), ``random``, or a safetensors file with
            torchvision's key names.
        stride_in_1x1: the weights are of ResNet v1, whose bottlenecks stride in their first 1x1
            convolution; torchvision's own stride in the 3x3.
        image_size: side of the encoder's input in pixels.
        decoder: ``adaptive_attention`` (Lu et al. 2017) or ``soft_attention`` (Xu et al. 2015).
        width: D, projected features, and A, attention keys.
        hidden: H, LSTM state; also the word embedding, which is tied to the output layer.
        dropout: on embeddings and before the output layer.
    """

    encoder: str = "resnet50"
    encoder_weights: str = "torchvision"
    stride_in_1x1: bool = False
    image_size: int = 224
    decoder: str = "adaptive_attention"
    width: int = 512
    hidden: int = 512
    dropout: float = 0.5


@dataclass(frozen=True)
class StageConfig:
    """A span of epochs; each stage has its own optimiser, linear warm-up and cosine decay.

    Attributes:
        epochs: 0 leaves the stage out.
        batch: pictures a step, each with all its captions; in all processes together.
        decoder_lr: peak learning rate of the decoder.
        encoder_lr: peak learning rate of the encoder.
        encoder_stages: how many of the ResNet's four stages train, counted from the output; 4
            trains the stem as well. What lies below is computed once and cached on disk.
        warmup_steps: steps of linear warm-up.
    """

    epochs: int = 0
    batch: int = 16
    decoder_lr: float = 1e-3
    encoder_lr: float = 0.0
    encoder_stages: int = 0
    warmup_steps: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.encoder_stages <= 4:
            raise ConfigError(
                f"encoder_stages: found {self.encoder_stages}; expected 0 (the decoder alone) to 4"
            )


@dataclass(frozen=True)
class OptimConfig:
    """What all stages share.

    Attributes:
        weight_decay: AdamW's.
        label_smoothing: of the cross-entropy.
        clip_norm: gradients are clipped to this global norm.
        ema_decay: of the moving average of all weights, which is what is validated, kept as
            best, and handed to the next stage; 0 keeps the weights as they are.
        crop_area: smallest share of a picture that a random crop keeps where frames are read
            each epoch; 1 crops nothing.
        mirror: half of the frames that are read are mirrored, but never one whose captions speak
            of left or right.
        jitter: brightness, contrast and saturation of the frames that are read are each scaled by
            a random factor of at least 1 - jitter and at most 1 + jitter.
        precision: of the arithmetic: float32, bfloat16 or float16 (with scaled gradients).
        parts: a step's pictures are computed in so many parts, one after the other, which saves
            memory and changes nothing else.
        scheduled_sampling: share of words at the end of a cross-entropy stage that the decoder
            takes from its own predictions; rises linearly from 0 (Bengio et al. 2015).
        attention_penalty: weight of the doubly stochastic attention penalty (Xu et al. 2015,
            section 4.2.1) in the cross-entropy.
        samples: captions drawn a picture in self-critical training.
        bleu_weight: its reward is CIDEr-D plus so many times BLEU-4.
        sampled_dropout: dropout stays on in self-critical training, which then learns from less
            confident captions than a model gives of pictures that it has memorised.
        workers: processes that read pictures; 0 reads in the training process.
    """

    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    clip_norm: float = 5.0
    ema_decay: float = 0.0
    crop_area: float = 1.0
    mirror: bool = False
    jitter: float = 0.0
    precision: str = "float32"
    parts: int = 1
    scheduled_sampling: float = 0.0
    attention_penalty: float = 0.0
    samples: int = 5
    bleu_weight: float = 0.0
    sampled_dropout: bool = False
    workers: int = 0

    def __post_init__(self) -> None:
        if self.precision not in ("float32", "bfloat16", "float16"):
            raise ConfigError(
                f"optim.precision: found {self.precision!r}; expected float32, bfloat16 or float16"
            )
        if not 0 <= self.jitter <= 1:
            raise ConfigError(f"optim.jitter: found {self.jitter}; expected a share from 0 to 1")


@dataclass(frozen=True)
class ValidationConfig:
    """Validation by beam search after each epoch.

    Attributes:
        beam_width: of the search, as the two that follow, see `DecodingOptions`; the exported
            bundle takes them over.
        length_penalty: exponent that favours longer captions.
        no_repeat_ngram: no n-gram of this many words occurs twice.
        batch: pictures searched together.
        patience: a stage ends after so many epochs without a better CIDEr; 0 never ends early.
        keep: so many epochs with the highest CIDEr keep their weights, for `training.average`.
    """

    beam_width: int = DecodingOptions.beam_width
    length_penalty: float = DecodingOptions.length_penalty
    no_repeat_ngram: int = DecodingOptions.no_repeat_ngram
    batch: int = 50
    patience: int = 0
    keep: int = 0

    def __post_init__(self) -> None:
        try:
            _ = self.decoding
        except OptionsError as error:
            raise ConfigError(f"validation: {error}") from error

    @property
    def decoding(self) -> DecodingOptions:
        """The search."""
        return DecodingOptions(
            beam_width=self.beam_width,
            length_penalty=self.length_penalty,
            no_repeat_ngram=self.no_repeat_ngram,
        )


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run needs; the file `config.json` of a run holds it.

    Attributes:
        name: of the data set, kept in the bundle's training record.
        licence: of the data, kept in the model card.
        seed: fixes initialisation, shuffling and dropout.
        start_from: folder of an earlier run whose best weights and vocabulary this one takes.
        data: see `DataConfig`; likewise the rest.
        frozen: cross-entropy, usually of the decoder alone.
        finetune: cross-entropy, usually of decoder and encoder.
        self_critical: CIDEr-D of sampled captions as reward (Rennie et al. 2017).
    """

    name: str
    data: DataConfig
    licence: str = "unknown"
    seed: int = 1
    start_from: str = ""
    model: ModelConfig = field(default_factory=ModelConfig)
    frozen: StageConfig = field(default_factory=StageConfig)
    finetune: StageConfig = field(default_factory=StageConfig)
    self_critical: StageConfig = field(default_factory=StageConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
