"""Words to ids and back, and the text form of a caption."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from ros2_captioner.errors import BundleError

START, END, UNKNOWN = "<start>", "<end>", "<unk>"
SPECIAL_TOKENS = (START, END, UNKNOWN)
_CONTROLS = {"Cc", "Zl", "Zp"}  # Unicode's categories of control characters and ends of lines

_LETTER, _WORD = r"[^\s\d'_-]", r"[^\s'_-]"  # of the text that _Characters leaves
_CLITIC = re.compile(rf"(?<={_LETTER})(n't|'s|'re|'ve|'ll|'d|'m)(?![^\s'-])")
_TOKEN = re.compile(rf"n't|'{_LETTER}+|{_WORD}+(?:-{_WORD}+)*")
# Chinese and Japanese write no spaces: iteration and length marks, kana, ideographs.
_UNSPACED = re.compile(
    "[\u3005-\u3007\u3031-\u3035\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
# Within a word only: Catalan's "col\u00b7lega", Hebrew's gershayim, and the prime, see _PRIMES.
_STRAY = re.compile(r"(?<![^\W\d_])[\u00b7\u05f4\u2032]|[\u00b7\u05f4\u2032](?![^\W\d_])")
_PRIMES = "\u00b4\u05f3\u2018\u201b"  # typed for apostrophes, and for quotes and accents


class _Characters(dict[int, str]):
    """What each character is to the tokeniser, for `str.translate`: itself, a space or nothing."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        # Letters, their marks, numbers, and what the patterns above decide on.
        if category[0] in "LMN" or character in "'-_\u00b7\u05f4\u2032":
            self[code] = character
        else:
            self[code] = "" if category == "Cf" else " "  # joiners and soft hyphens leave no gap
        return self[code]


_CHARACTERS = _Characters(
    {
        **dict.fromkeys(map(ord, "\u2019\u02bc\uff07"), "'"),  # curly, modifier and wide apostrophe
        **dict.fromkeys(map(ord, _PRIMES), "\u2032"),
        **dict.fromkeys(map(ord, "\u2010\u2011"), "-"),  # hyphens that are not ASCII's
        0x200B: " ",  # the zero width space parts words where no space is written
        # Letters and marks that nobody sees, such as the selectors of an emoji's variant.
        **dict.fromkeys((0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0), ""),
        **dict.fromkeys((*range(0x180B, 0x1810), *range(0xFE00, 0xFE10)), ""),
        **dict.fromkeys(range(0xE0100, 0xE01F0), ""),
    }
)


def tokenize(text: str) -> list[str]:
    """Split a caption into lower-case words without punctuation, in NFC.

    Contractions and possessives are split as the Penn Treebank does ("dog's" -> "dog", "'s"),
    so that generated captions meet the metric's tokeniser unchanged. Words are runs of letters,
    marks and digits of any script; each Chinese or Japanese character is a word of its own, as is
    usual where captions are scored in these languages. Other scripts without spaces, such as Thai,
    need captions whose words are parted by spaces.
    """
    lower = text.lower()
    plain = lower.translate(_CHARACTERS) if lower.isascii() else _plain(lower)
    words = _TOKEN.findall(_CLITIC.sub(r" \1", plain))
    # A mark that stands alone, as of a keycap emoji, is no word.
    return [word for word in words if word.isascii() or any(map(str.isalnum, word))]


def _plain(lower: str) -> str:
    """Lower-case text in NFC, spaced, without punctuation but apostrophes and dots within words."""
    # Of a Turkish capital, the dot would be left over its small letter.
    composed = unicodedata.normalize("NFC", lower.replace("i\u0307", "i"))
    plain = space_out(composed).translate(_CHARACTERS)
    # Again, as what nobody sees may have parted a letter from its mark.
    return _STRAY.sub(" ", unicodedata.normalize("NFC", plain)).replace("\u2032", "'")


def space_out(text: str) -> str:
    """Put spaces around each character of a script that is written without them."""
    return _UNSPACED.sub(r" \g<0> ", text)


def detokenize(words: Iterable[str]) -> str:
    """Join words to a sentence, gluing clitics ("'s", "n't") to the word before them.

    Chinese and Japanese characters follow each other without a space.
    """
    text = ""
    for word in words:
        glued = word.startswith("'") or word == "n't"
        unspaced = bool(text) and _UNSPACED.match(text[-1]) and _UNSPACED.match(word)
        text += word if glued or unspaced or not text else f" {word}"
    return text


class Vocabulary:
    """A fixed list of words; a word's id is its place in the list.

    The special tokens ``<start>``, ``<end>`` and ``<unk>`` hold ids 0, 1 and 2.

    Args:
        words: all words, special tokens first.

    Raises:
        BundleError: special tokens are not in front, a word occurs twice, or one would break the
            line that a caption is.
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
        for word in self.words:
            if not word or not _CONTROLS.isdisjoint(map(unicodedata.category, word)):
                raise BundleError(
                    f"the vocabulary holds {word!r}; expected words without control characters"
                )
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
