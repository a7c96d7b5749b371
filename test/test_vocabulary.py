"""Words, ids and sentences."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ros2_captioner.errors import BundleError
from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary, detokenize, tokenize

WORDS = [*SPECIAL_TOKENS, "a", "dog", "'s", "bone"]


def test_tokenize_drops_punctuation_and_splits_clitics_as_the_treebank_does():
    text = "The dog's T-shirt isn't \"red\", it's BLUE ."
    expected = ["the", "dog", "'s", "t-shirt", "is", "n't", "red", "it", "'s", "blue"]
    assert tokenize(text) == expected


ASCII_CLITIC = re.compile(r"(?<=[a-z])(n't|'s|'re|'ve|'ll|'d|'m)\b")
ASCII_TOKEN = re.compile(r"n't|'[a-z]+|[a-z0-9]+(?:-[a-z0-9]+)*")


@given(
    st.text(st.characters(max_codepoint=127), max_size=40)
    | st.text(st.sampled_from("nta's- drevl_m1N."), max_size=20)
)
def test_ascii_keeps_the_words_that_trained_models_know(text):
    """Vocabularies of models trained before other scripts were read hold these words."""
    assert tokenize(text) == ASCII_TOKEN.findall(ASCII_CLITIC.sub(r" \1", text.lower()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ein Hund läuft über die Straße.", "ein hund läuft über die straße"),
        ("Cafe\u0301 and caf\u00e9", "café and café"),
        ("L\u2019homme n\u2019est pas là", "l 'homme n 'est pas là"),
        (
            "the dog\u2019s bone isn\u2019t \u2018red\u2019 or \u201cblue\u201d",
            "the dog 's bone is n't red or blue",
        ),
        ("ein T\u2011Shirt, ein Dampf\u00adschiff", "ein t-shirt ein dampfschiff"),
        ("Собака бежит по траве", "собака бежит по траве"),
        ("हिन्दी शब्द।", "हिन्दी शब्द"),
        ("개가 달린다", "개가 달린다"),
        ("一只狗在草地上跑。", "一 只 狗 在 草 地 上 跑"),
        ("犬がボールで遊ぶ", "犬 が ボ ー ル で 遊 ぶ"),
        ("2匹の犬、iPhoneを見る", "2 匹 の 犬 iphone を 見 る"),
        ("कुत्ता\u200bदौड़", "कुत्ता दौड़"),
        ("🐕 — … \u2028", ""),
        ("a dog \u2764\ufe0f \u0031\ufe0f\u20e3 #\ufe0f\u20e3", "a dog 1\u20e3"),
        ("\u3164 \u0301 \u034f\ufe0f \u1160", ""),
        ("\u845b\U000e0100\u98fe区", "\u845b \u98fe 区"),
        ("\u0130ki köpek, I\u0307ki", "iki köpek iki"),
        ("don\u00b4t, dog\u2032s, \u2018it\u2018s\u2019 90\u2032", "do n't dog 's it 's 90"),
        ("una col\u00b7lega \u00b7 casa\u00b7", "una col\u00b7lega casa"),
        ("צה\u05f4ל צ\u05f3ק \u05f4כלב\u05f4", "צה\u05f4ל צ 'ק כלב"),
        ("صُورَةٌ لِكَلْب", "صُورَةٌ لِكَلْب"),
    ],
)
def test_words_of_any_script(text, words):
    expected = unicodedata.normalize("NFC", words).split()
    assert tokenize(text) == expected


SCRIPTS = (
    "aß\u0130\u0131'\u2019\u00b4\u00b7\u05f4\u05f3 -é\u0308\u034f\ufe0f\u200d\u2764字か\uff9e"
    "\u3164한\u1112\u1161हि½\x1c\u2029\ud800"
)


@settings(max_examples=500)
@given(st.text(st.sampled_from(SCRIPTS), max_size=12) | st.text(max_size=12))
def test_words_are_composed_and_stay_words(text):
    words = tokenize(text)
    assert all(unicodedata.is_normalized("NFC", word) for word in words)
    assert tokenize(" ".join(words)) == words


@pytest.mark.parametrize(
    "text",
    [
        "一只狗在草地上跑",
        "犬がボールで遊ぶ",
        "ein hund läuft",
        "l'homme n'est pas là",
        "a man's dog",
    ],
)
def test_sentences_come_back(text):
    assert detokenize(tokenize(text)) == text


def test_detokenize_glues_clitics():
    assert (
        detokenize(["the", "dog", "'s", "bone", "is", "n't", "red"]) == "the dog's bone isn't red"
    )
    assert detokenize([]) == ""


def test_encode_and_decode():
    vocabulary = Vocabulary(WORDS)
    assert vocabulary.encode(["a", "cat"]) == [3, vocabulary.unknown]
    assert vocabulary.decode([0, 3, 4, 1]) == ["a", "dog"]
    assert vocabulary.known_ids(["dog", "cat"]) == [4]


def test_json_round_trip(tmp_path):
    file = tmp_path / "vocabulary.json"
    file.write_text(Vocabulary(WORDS).to_json())
    assert Vocabulary.read(file).words == tuple(WORDS)


@pytest.mark.parametrize("text", ["", "[]", '{"words": [1]}', '{"words": ["a"]}', '{"other": 1}'])
def test_unusable_file_is_refused(tmp_path, text):
    file = tmp_path / "vocabulary.json"
    file.write_text(text)
    with pytest.raises(BundleError):
        Vocabulary.read(file)


@pytest.mark.parametrize("word", ["", "a\n\nb", "\x1b[2J", "a\u2028b", "\x00"])
def test_a_word_that_would_break_the_line_is_refused(word):
    with pytest.raises(BundleError, match="without control characters"):
        Vocabulary([*WORDS, word])


def test_double_word_is_refused():
    with pytest.raises(BundleError, match="twice"):
        Vocabulary([*WORDS, "dog"])
