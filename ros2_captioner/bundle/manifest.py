"""The manifest of a bundle: its JSON schema, and what its graphs must be to each other."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.errors import BundleError, OptionsError
from ros2_captioner.evidence.objects import EVIDENCE
from ros2_captioner.options import make_options

SCHEMA = 1
SCHEMA_WITH_EVIDENCE = 2  # one more output of the encoder and input of the decoder
SCHEMAS = (SCHEMA, SCHEMA_WITH_EVIDENCE)  # that this version reads
REMEDY = "export it again with: python -m training.export --run RUN --output BUNDLE"
_SCHEMA_FILE = Path(__file__).with_name("manifest.schema.json")
_SHOWN = 60  # characters of a value in a message
_TOO_LARGE = 2**63  # and no seed or size of a file is
# The search before these options: what lacks them was tuned and measured without them.
_OLDER_SEARCH = {"no_repeat_objects": False, "never_last": []}


@dataclass(frozen=True)
class Tensor:
    """A graph's input or output.

    Attributes:
        dtype: ``uint8``, ``int32``, ``float16`` or ``float32``.
        shape: dimensions, a string where the size is dynamic.
    """

    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"


Tensors = Mapping[str, Tensor]


def parse_manifest(file: Path, content: bytes) -> dict[str, Any]:
    """Parse and check a manifest; the files that it names are not looked at.

    Args:
        file: where it comes from, for messages.
        content: of the file.

    Raises:
        BundleError: names the file, the place in it, what was found and what was expected.
    """
    try:
        manifest: dict[str, Any] = json.loads(
            content, parse_constant=_refuse, parse_float=_finite, parse_int=_whole
        )
        json.dumps(manifest, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise BundleError(f"cannot read {file}: {error}; expected JSON. {REMEDY}") from error
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if isinstance(schema, bool) or schema not in SCHEMAS:
        raise BundleError(
            f"{file}: found schema {schema!r}; this version reads {list(SCHEMAS)}. Install the "
            f"version that wrote the bundle, or {REMEDY}"
        )
    _check_schema(file, manifest)
    _check_decoding(file, manifest)
    for fault in _faults(manifest):
        raise BundleError(f"{file}: {fault}. {REMEDY}")
    return manifest


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _whole(text: str) -> int:
    number = int(text)
    return number if abs(number) < _TOO_LARGE else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"found {constant:.{_SHOWN}}, which is no number that fits")


def _check_schema(file: Path, manifest: dict[str, Any]) -> None:
    try:
        from jsonschema import Draft7Validator  # late: it is slow to import
    except ImportError as missing:
        raise BundleError(
            f"bundles are checked with jsonschema, which does not import ({missing}); type: "
            "pip install jsonschema, or sudo apt install python3-jsonschema"
        ) from missing
    schema = json.loads(_SCHEMA_FILE.read_text(encoding="utf-8"))
    errors = sorted(Draft7Validator(schema).iter_errors(manifest), key=lambda e: len(e.path))
    for error in errors:
        found = json.dumps(error.instance, ensure_ascii=False)
        shown = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}..."
        place = ".".join(map(str, error.absolute_path))
        raise BundleError(f"{file}: found {shown}; expected {_expected(place, error)}. {REMEDY}")


def _expected(place: str, error: Any) -> str:
    if error.validator == "required":
        missing = error.message.split("'")[1]
        return f"the key {f'{place}.{missing}'.lstrip('.')!r}"
    limit = f"{error.validator} {error.validator_value}"
    kinds = {"object": "an object", "array": "an array", "integer": "an integer"}
    if error.validator == "type":
        limit = kinds.get(str(error.validator_value), str(error.validator_value))
    elif error.validator == "const":
        limit = repr(error.validator_value)
    elif error.validator == "enum":
        limit = f"one of {error.validator_value}"
    return f"the key {place!r} with {error.schema.get('expected', limit)}"


def search_of(manifest: Mapping[str, Any]) -> DecodingOptions:
    """The search that a bundle's metrics were measured with.

    Raises:
        OptionsError: an option is unknown, or its value is wrong.
    """
    return make_options(DecodingOptions, _OLDER_SEARCH | manifest["decoding"])


def scores_by_source(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What was measured of a variant, by data set; of schema 1 without their names."""
    if found and not all(isinstance(scores, dict) for scores in found.values()):
        return {"": found}
    return dict(found)


def _check_decoding(file: Path, manifest: dict[str, Any]) -> None:
    try:
        search_of(manifest)
    except OptionsError as error:
        raise BundleError(f"{file}: decoding: {error}. {REMEDY}") from error


def tensors(manifest: Mapping[str, Any], part: str, side: str) -> dict[str, Tensor]:
    """The ``inputs`` or ``outputs`` of the ``encoder`` or ``decoder``, by name."""
    entries = manifest["graphs"][part][side]
    return {name: Tensor(entry["dtype"], tuple(entry["shape"])) for name, entry in entries.items()}


def _faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Where the manifest breaks the graph contract; each check relies on those before it."""
    for variant, parts in manifest["variants"].items():
        for part, file in parts.items():
            if file not in manifest["files"]:
                yield (
                    f"variants.{variant}.{part} is {file!r}, which is not among its files; "
                    f"expected one of {sorted(manifest['files'])}"
                )
    inputs, outputs = (tensors(manifest, "decoder", side) for side in ("inputs", "outputs"))
    state: Mapping[str, str] = manifest["graphs"]["decoder"]["state"]
    if not set(state) < set(inputs):
        yield f"graphs.decoder.state is {dict(state)}; expected some of the inputs {sorted(inputs)}"
    size = manifest["preprocessing"]["size"]
    frames = {"frames": Tensor("uint8", ("B", size, size, 3))}
    yield from _unlike("encoder.inputs", tensors(manifest, "encoder", "inputs"), frames)
    encoded = tensors(manifest, "encoder", "outputs")
    read = {name: inputs[name] for name in inputs if name not in ("tokens", "reorder", *state)}
    initial = {f"{name}0": _without_beams(inputs[name]) for name in state}
    yield from _unlike("encoder.outputs", encoded, read | initial)
    if "evidence" in manifest:
        words = manifest["architecture"]["vocabulary_size"]
        given = {EVIDENCE: encoded[EVIDENCE]} if EVIDENCE in encoded else {}
        yield from _unlike("encoder.outputs", given, {EVIDENCE: Tensor("float32", ("B", words))})
    rows = {name: _with_beams(encoded[f"{name}0"]) for name in state}
    fixed = {"tokens": Tensor("int32", ("B", "K")), "reorder": Tensor("float32", ("B", "K", "K"))}
    yield from _unlike("decoder.inputs", inputs, fixed | rows | read)
    offered = outputs["ids"].shape[-1] if "ids" in outputs else 1
    features = encoded["features"].shape if "features" in encoded else ()
    cells = features[1] if len(features) > 1 else 1
    yield from _unlike("decoder.outputs", outputs, {
        "log_probs": Tensor("float32", ("B", "K", offered)),
        "ids": Tensor("int32", ("B", "K", offered)),
        "attention": Tensor("float32", ("B", "K", cells)),
        **{after: rows[before] for before, after in state.items()},
    })  # fmt: skip
    if not isinstance(offered, int) or offered < 2:  # one word may end the row, one goes on
        yield f"graphs.decoder.outputs: ids holds {offered} words a row; expected two or more"
    if not isinstance(cells, int) or math.isqrt(cells) ** 2 != cells:
        yield f"graphs.encoder.outputs: features have {cells} cells; expected a square grid"


def _with_beams(tensor: Tensor) -> Tensor:
    return Tensor(tensor.dtype, (tensor.shape[0], "K", *tensor.shape[1:]))


def _without_beams(tensor: Tensor) -> Tensor:
    return Tensor(tensor.dtype, (*tensor.shape[:1], *tensor.shape[2:]))


def _unlike(side: str, found: Tensors, expected: Tensors) -> Iterator[str]:
    if set(found) != set(expected):
        yield f"graphs.{side}: found the tensors {sorted(found)}; expected {sorted(expected)}"
    for name in expected:
        if not alike(found[name], expected[name]):
            yield f"graphs.{side}: tensor {name!r} is {found[name]}; expected {expected[name]}"


def alike(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors agree; a float may be of 16 or 32 bits, as its variant is."""
    return one.shape == other.shape and _kind(one) == _kind(other)


def _kind(tensor: Tensor) -> str:
    return "float" if tensor.dtype.startswith("float") else tensor.dtype
