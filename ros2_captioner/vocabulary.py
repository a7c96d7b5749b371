"""Words to ids and back, and the text form of a caption."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ros2_captioner.errors import BundleError

START, END, UNKNOWN = "<start>", "<end>", "<unk>"
SPECIAL_TOKENS = (START, END, UNKNOWN)

_CLITIC = re.compile(r"(?<=[a-z])(n't|'s|'re|'ve|'ll|'d|'m)\b")
_TOKEN = re.compile(r"n't|'[a-z]+|[a-z0-9]+(?:-[a-z0-9]+)*")


def tokenize(text: str) -> list[str]:
    """Split a caption into lower-case words without punctuation.

    Contractions and possessives are split as the Penn Treebank does ("dog's" -> "dog", "'s"),
    so that generated captions meet the metric's tokeniser unchanged.
    """
    return _TOKEN.findall(_CLITIC.sub(r" \1", text.lower()))


def detokenize(words: Iterable[str]) -> str:
    """Join words to a sentence, gluing clitics ("'s", "n't") to the word before them."""
    text = ""
    for word in words:
        glued = word.startswith("'") or word == "n't"
        text += word if glued or not text else f" {word}"
    return text


class Vocabulary:
    """A fixed list of words; a word's id is its place in the list.

    The special tokens ``<start>``, ``<end>`` and ``<unk>`` hold ids 0, 1 and 2.

    Args:
        words: all words, special tokens first.

    Raises:
        BundleError: special tokens are not in front, or a word occurs twice.
    """

    def __init__(self, words: Sequence[str]) -> None:
        if tuple(words[:3]) != SPECIAL_TOKENS:
            raise BundleError(
                f"found a vocabulary that begins with {list(words[:3])}; "
                f"expected {list(SPECIAL_TOKENS)} in front"
            )
        self.words = tuple(words)
        self._ids = {word: index for index, word in enumerate(self.words)}
        if len(self._ids) != len(self.words):
            raise BundleError("the vocabulary lists a word twice; expected distinct words")
        self.start, self.end, self.unknown = 0, 1, 2

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: Iterable[str]) -> list[int]:
        """Ids of the words; words outside the vocabulary become ``<unk>``."""
        return [self._ids.get(word, self.unknown) for word in words]

    def known_ids(self, words: Iterable[str]) -> list[int]:
        """Ids of those words that the vocabulary holds, the others left out."""
        return [self._ids[word] for word in words if word in self._ids]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Words of the ids, special tokens left out."""
        return [self.words[index] for index in ids if index >= len(SPECIAL_TOKENS)]

    def to_json(self) -> str:
        """The text of ``vocabulary.json``."""
        return json.dumps({"words": list(self.words)}, ensure_ascii=False, indent=0)

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read ``vocabulary.json``.

        Raises:
            BundleError: the file is missing or not of the form ``{"words": [...]}``.
        """
        try:
            words = json.loads(path.read_text(encoding="utf-8"))["words"]
            "".join(words).encode()  # half a surrogate pair is no text, and OpenCV dies of it
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise BundleError(
                f'cannot read {path} ({error}); expected JSON of the form {{"words": [...]}}'
            ) from error
        if not isinstance(words, list):
            raise BundleError(f"{path}: found {words!r:.40}; expected a list under 'words'")
        try:
            return cls(words)
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from error
