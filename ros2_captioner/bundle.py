"""Read and verify a model bundle (schema 1): manifest, vocabulary and single-file ONNX graphs."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ros2_captioner.errors import BundleError
from ros2_captioner.preprocess import RESIZE_RULE
from ros2_captioner.signatures import check_signature
from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary

SCHEMA = 1
MANIFEST, VOCABULARY = "manifest.json", "vocabulary.json"
DEFAULT_BUNDLE = Path(__file__).parent / "models" / "default"
_CHUNK = 2**20  # bytes hashed at a time
# How a tensor's first external_data entry, "location", is written in an ONNX file (protobuf).
_EXTERNAL_DATA = b"\n\x08location\x12"
_REMEDY = "export it again with: python -m training.export --run RUN --output BUNDLE"
_REQUIRED: Mapping[str, type] = {
    "name": str,
    "architecture": dict,
    "preprocessing": dict,
    "special_tokens": dict,
    "decoding": dict,
    "graphs": dict,
    "variants": dict,
    "files": dict,
    "training": dict,
    "metrics": dict,
}


@dataclass(frozen=True)
class Bundle:
    """A verified model bundle.

    Attributes:
        path: its directory.
        manifest: the parsed ``manifest.json``.
        vocabulary: its words.
        image_size: side of the encoder's input in pixels.
        digest: first 12 hex digits of the manifest's sha256, which names the model.
    """

    path: Path
    manifest: Mapping[str, Any]
    vocabulary: Vocabulary
    image_size: int
    digest: str

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions it carries, the CPU default first."""
        return tuple(sorted(self.manifest["variants"], key=lambda name: name != "int8"))

    def graph(self, precision: str, part: str) -> Path:
        """Path of the ``encoder`` or ``decoder`` graph of a precision.

        Raises:
            BundleError: the bundle does not carry that precision, or the graph keeps weights in
                another file.
        """
        variants = self.manifest["variants"]
        if precision not in variants:
            raise BundleError(
                f"{self.path} carries no precision {precision!r}; expected one of "
                f"{list(self.precisions)}, or 'auto'"
            )
        file = self.path / str(variants[precision][part])
        _check_self_contained(file)
        return file


def _check_self_contained(file: Path) -> None:
    """Refuse weights kept in other files: such a graph could read any file of the machine."""
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as content:
        if content.find(_EXTERNAL_DATA) >= 0:
            raise BundleError(
                f"{file} keeps weights in another file; expected a graph that is complete in itself"
            )


def load_bundle(path: Path | str = "", trusted_keys: Path | str = "") -> Bundle:
    """Read a bundle and check every file of it.

    Args:
        path: the bundle's directory; the shipped model if empty.
        trusted_keys: a public key, or a folder of them, one of which must have signed the bundle,
            see `ros2_captioner.signatures`; any bundle is loaded if empty.

    Returns:
        The bundle, all hashes and the vocabulary checked. Tensor names and shapes are checked
        against the graphs when a backend opens them, see `check_tensors`.

    Raises:
        BundleError: names the file, what was found, what was expected, and the remedy.
    """
    folder = Path(path) if path else DEFAULT_BUNDLE
    if not folder.is_dir():
        raise BundleError(
            f"no model bundle at {folder}; expected a directory with {MANIFEST}. Leave the model "
            "empty for the shipped one, or name a directory that training.export wrote"
        )
    manifest, digest = _read_manifest(folder / MANIFEST, trusted_keys)
    for name, expected in manifest["files"].items():
        _check_file(folder, name, expected)
    for variant, parts in manifest["variants"].items():
        _check_variant(folder, variant, parts, manifest["files"])
    vocabulary = _read_vocabulary(folder, manifest)
    size = _check_preprocessing(folder, manifest["preprocessing"])
    return Bundle(folder, manifest, vocabulary, size, digest)


def _read_manifest(file: Path, trusted_keys: Path | str) -> tuple[dict[str, Any], str]:
    try:
        raw = file.read_bytes()
        if trusted_keys:  # before anything of it is believed
            check_signature(file, raw, Path(trusted_keys))
        manifest = json.loads(raw)
    except (OSError, ValueError) as error:
        raise BundleError(f"cannot read {file}: {error}; {_REMEDY}") from error
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if schema != SCHEMA:
        raise BundleError(
            f"{file}: found schema {schema!r}; this version reads schema {SCHEMA}. Install the "
            f"version that wrote the bundle, or {_REMEDY}"
        )
    for key, kind in _REQUIRED.items():
        if not isinstance(manifest.get(key), kind):
            raise BundleError(f"{file}: expected the key {key!r} with a {kind.__name__}; {_REMEDY}")
    return manifest, hashlib.sha256(raw).hexdigest()[:12]


def _check_file(folder: Path, name: str, expected: Mapping[str, Any]) -> None:
    file = folder / name
    if Path(name).name != name:
        raise BundleError(f"{folder / MANIFEST}: file name {name!r} leaves the bundle; {_REMEDY}")
    if not file.is_file():
        raise BundleError(f"{file} is missing, though {MANIFEST} lists it; {_REMEDY}")
    size = file.stat().st_size
    if size != expected["bytes"]:
        raise BundleError(
            f"{file}: found {size} bytes, expected {expected['bytes']}. A Git LFS pointer or a "
            f"broken copy? Copy it again, or {_REMEDY}"
        )
    found = _sha256(file)
    if found != expected["sha256"]:
        raise BundleError(
            f"{file}: found sha256 {found[:12]}..., expected {expected['sha256'][:12]}...; the "
            f"file was changed. Copy it again, or {_REMEDY}"
        )


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _check_variant(
    folder: Path, variant: str, parts: Mapping[str, str], files: Mapping[str, Any]
) -> None:
    for part in ("encoder", "decoder"):
        if parts.get(part) not in files:
            raise BundleError(
                f"{folder / MANIFEST}: variant {variant!r} names {parts.get(part)!r} as {part}, "
                f"which is not among its files; {_REMEDY}"
            )


def _read_vocabulary(folder: Path, manifest: Mapping[str, Any]) -> Vocabulary:
    if VOCABULARY not in manifest["files"]:
        raise BundleError(f"{folder / MANIFEST} does not list {VOCABULARY}; {_REMEDY}")
    vocabulary = Vocabulary.read(folder / VOCABULARY)
    expected = manifest["architecture"].get("vocabulary_size")
    if len(vocabulary) != expected:
        raise BundleError(
            f"{folder / VOCABULARY}: found {len(vocabulary)} words, but the model predicts "
            f"{expected}; {_REMEDY}"
        )
    tokens = {token: index for index, token in enumerate(SPECIAL_TOKENS)}
    if manifest["special_tokens"] != tokens:
        raise BundleError(
            f"{folder / MANIFEST}: found special tokens {manifest['special_tokens']}, expected "
            f"{tokens}; {_REMEDY}"
        )
    return vocabulary


def _check_preprocessing(folder: Path, preprocessing: Mapping[str, Any]) -> int:
    found = (preprocessing.get("resize"), preprocessing.get("channels"))
    if found != (RESIZE_RULE, "rgb"):
        raise BundleError(
            f"{folder / MANIFEST}: found resize rule and channel order {found}; this version "
            f"knows {(RESIZE_RULE, 'rgb')}"
        )
    return int(preprocessing["size"])


@dataclass(frozen=True)
class Tensor:
    """A graph's input or output.

    Attributes:
        dtype: ``uint8``, ``int32``, ``float16`` or ``float32``.
        shape: dimensions, a string where the size is dynamic.
    """

    dtype: str
    shape: tuple[int | str, ...]


def check_tensors(bundle: Bundle, part: str, file: Path, found: Mapping[str, Tensor]) -> None:
    """Compare an opened graph's inputs and outputs with the manifest.

    Fixed dimensions and names must agree; dtypes too, except that a float tensor may be float16 or
    float32, as its variant is.

    Raises:
        BundleError: names the first tensor that differs.
    """
    graph = bundle.manifest["graphs"][part]
    expected = {
        name: Tensor(str(entry["dtype"]), tuple(entry["shape"]))
        for entries in (graph["inputs"], graph["outputs"])
        for name, entry in entries.items()
    }
    if set(expected) != set(found):
        raise BundleError(
            f"{file}: found the tensors {sorted(found)}, expected {sorted(expected)}; {_REMEDY}"
        )
    for name, tensor in expected.items():
        if _fixed(tensor) != _fixed(found[name]):
            raise BundleError(
                f"{file}: tensor {name!r} is {found[name]}, expected {tensor}; {_REMEDY}"
            )


def _fixed(tensor: Tensor) -> tuple[str, tuple[int | None, ...]]:
    kind = "float" if tensor.dtype.startswith("float") else tensor.dtype
    return kind, tuple(size if isinstance(size, int) else None for size in tensor.shape)
