"""The objects that captions name: COCO's 80 categories and people, each with its words.

The synonyms follow the idea of CHAIR (Rohrbach et al. 2018, "Object Hallucination in Image
Captioning", section 2): "a man rides a bike" names a person and a bicycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ros2_captioner.vocabulary import tokenize

PERSON = "person"
_PRONOUNS = "he she him her his hers they them their theirs"
_PEOPLE = (
    "man men woman women boy boys girl girls person persons people child children kid kids baby "
    "babies player players rider riders crowd crowds group groups lady ladies guy guys "
    f"{_PRONOUNS}"
)
# Category: further words for it; plurals that only add "s" or "es" are understood.
_CATEGORIES = {
    "bicycle": "bike",
    "car": "suv sedan taxi cab minivan van jeep automobile",
    "motorcycle": "motorbike moped scooter",
    "airplane": "plane jet aeroplane aircraft jetliner biplane airliner",
    "bus": "busses",
    "train": "locomotive trolley tram",
    "truck": "pickup lorry lorries",
    "boat": "ship sailboat canoe kayak ferry ferries yacht",
    "traffic light": "stoplight|traffic signal|stop light|street light",
    "fire hydrant": "hydrant",
    "stop sign": "",
    "parking meter": "",
    "bench": "",
    "bird": "pigeon seagull duck goose geese owl parrot swan penguin ostrich rooster chicken",
    "cat": "kitten kitty kitties",
    "dog": "puppy puppies retriever terrier",
    "horse": "pony ponies foal",
    "sheep": "lamb",
    "cow": "cattle calf calves bull ox oxen",
    "elephant": "",
    "bear": "panda",
    "zebra": "",
    "giraffe": "",
    "backpack": "knapsack",
    "umbrella": "parasol",
    "handbag": "purse",
    "tie": "necktie bowtie",
    "suitcase": "luggage suit-case briefcase",
    "frisbee": "",
    "skis": "ski",
    "snowboard": "",
    "sports ball": "ball baseball football soccerball basketball|soccer ball|tennis ball",
    "kite": "",
    "baseball bat": "bat",
    "baseball glove": "mitt|catcher's mitt",
    "skateboard": "skate-board",
    "surfboard": "surf-board boogieboard",
    "tennis racket": "racket racquet|tennis racquet",
    "bottle": "",
    "wine glass": "wineglass",
    "cup": "mug",
    "fork": "",
    "knife": "knives",
    "spoon": "",
    "bowl": "",
    "banana": "",
    "apple": "",
    "sandwich": "burger hamburger cheeseburger",
    "orange": "",
    "broccoli": "",
    "carrot": "",
    "hot dog": "hotdog",
    "pizza": "",
    "donut": "doughnut",
    "cake": "cupcake cheesecake",
    "chair": "armchair stool recliner",
    "couch": "sofa loveseat",
    "potted plant": "houseplant|house plant",
    "bed": "",
    "dining table": "table desk",
    "toilet": "urinal commode",
    "tv": "television monitor",
    "laptop": "computer",
    "mouse": "mice",
    "remote": "",
    "keyboard": "",
    "cell phone": "phone cellphone smartphone|mobile phone",
    "microwave": "",
    "oven": "stove",
    "toaster": "",
    "sink": "",
    "refrigerator": "fridge freezer",
    "book": "",
    "clock": "",
    "vase": "",
    "scissors": "",
    "teddy bear": "teddybear|stuffed bear",
    "hair drier": "hairdryer|hair dryer",
    "toothbrush": "",
}
# What scenes are made of beside them: places, and things without a category of their own.
_SCENE = """
    airport beach bathroom bedroom bridge building city classroom corridor court door fence field
    floor flower flowers food forest garden grass hallway hill house kitchen lake lamp library
    market mirror mountain ocean office park parking path plant plants platform pole pool rail
    railing river road rock rocks room rug runway sand shelf shower sidewalk sign sky snow stairs
    station store street towel tower track tracks tree trees wall water window windows woods yard
    zoo blanket box cabinet cabinets camera ceiling counter curtain desk fireplace fruit glass hat
    helmet pillow plate rope shirt shoes tent tray vegetables animal animals
"""
# Phrases that hold a category's word and mean something else, as their plurals do.
_OTHERWISE = (
    "hot dog", "teddy bear", "stuffed bear", "stuffed animal", "toy car", "train track",
    "train station", "bus stop", "bus station", "bath tub", "bed room", "baseball player",
    "baseball game", "baseball field", "baseball uniform", "baseball pitcher", "baseball diamond",
    "baseball cap", "baseball bat", "baseball glove", "football player", "football game",
    "football field", "basketball player", "basketball court", "basketball game", "orange shirt",
    "orange jacket", "orange vest", "orange hat", "orange cat", "toilet paper", "tennis ball",
    "soccer ball", "coffee table", "computer mouse", "computer monitor", "computer keyboard",
    "computer screen", "boat dock", "horse drawn", "cow boy", "fire truck", "car seat",
    "phone booth",
)  # fmt: skip
# The category that such a phrase names after all; the others name none.
_KEPT = {
    "orange cat": "cat",
    "coffee table": "dining table",
    "computer mouse": "mouse",
    "computer monitor": "tv",
    "computer keyboard": "keyboard",
    "computer screen": "tv",
    "fire truck": "truck",
    "baseball player": PERSON,
    "football player": PERSON,
    "basketball player": PERSON,
}


def _forms(word: str) -> Iterator[str]:
    yield word
    yield f"{word}s"
    if word.endswith(("s", "x", "ch", "sh")):
        yield f"{word}es"


def _phrases() -> dict[tuple[str, ...], str | None]:
    """Words of each known phrase to its category, or to None where it is none."""
    found: dict[tuple[str, ...], str | None] = {
        tuple(form.split()): _KEPT.get(phrase) for phrase in _OTHERWISE for form in _forms(phrase)
    }
    found |= {(word,): PERSON for word in _PEOPLE.split()}
    for category, others in _CATEGORIES.items():
        single, *several = others.split("|")
        for phrase in (category, *single.split(), *several):
            found |= {tuple(form.split()): category for form in _forms(phrase)}
    return found


_PHRASES = _phrases()
_LONGEST = max(map(len, _PHRASES))
SYNONYMS: dict[str, frozenset[str]] = {
    category: frozenset(
        words[0] for words, named in _PHRASES.items() if named == category and len(words) == 1
    )
    for category in (PERSON, *_CATEGORIES)
}

# Words that tell of each object, and of a scene; pronouns say too little.
OBJECT_WORDS = {name: words - set(_PRONOUNS.split()) for name, words in SYNONYMS.items()}
SCENE_WORDS = {word: frozenset({word}) for word in _SCENE.split()}


def objects_in(words: Sequence[str]) -> list[str]:
    """Categories that a tokenised caption names, in order, each as often as it is named."""
    found: list[str] = []
    place = 0
    while place < len(words):
        for length in range(min(_LONGEST, len(words) - place), 0, -1):
            phrase = tuple(words[place : place + length])
            if phrase in _PHRASES:
                category = _PHRASES[phrase]
                found += [category] if category else []
                place += length
                break
        else:
            place += 1
    return found


def named_objects(captions: Iterable[str]) -> set[str]:
    """Categories that any of the captions names."""
    return {category for text in captions for category in objects_in(tokenize(text))}
