"""Words that mean much the same in captions, so that a search need not guess the model's word."""

from __future__ import annotations

_GROUPS = """
person people human man men guy woman women lady ladies adult somebody someone
child children kid boy girl toddler baby babies infant youngster
crowd group several many
dog dogs puppy puppies hound
cat kitten
bird seagull duck goose geese pigeon
cow cattle bull calf
horse pony ponies
sheep lamb
car vehicle automobile truck van taxi
bike bicycle bmx cyclist
motorcycle motorbike scooter
boat ship canoe kayak sailboat
plane airplane aeroplane aircraft jet airliner
train locomotive railway
bus coach
street road sidewalk pavement
water ocean sea lake river pool
beach shore sand seaside
grass lawn field meadow
mountain hill cliff
forest wood woods tree
snow ice
rock stone boulder
building house
ball football soccer basketball baseball
jump leap hop
run race sprint
walk stroll hike
stand wait
sit rest
play game
climb scale
near beside by next
small little tiny
big large huge
shirt top t-shirt jersey
jacket coat
hat cap helmet
picture photo camera
table desk counter
bathroom toilet restroom washroom
tv television screen monitor
computer laptop
phone cellphone telephone
refrigerator fridge freezer
couch sofa
plate dish
cup mug glass
food meal dinner lunch
cake pastry dessert
knife knives
leaf leaves
mouse mice
shelf shelves
"""
_MEANING = {word: group.split()[0] for group in _GROUPS.split("\n") for word in group.split()}
_ENDINGS = ("", "s", "es", "ing", "ning", "ped", "ping", "ed")


def meaning(word: str) -> str:
    """The word that stands for a word and its synonyms; the word itself if it has none."""
    stems = (word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending))
    return next((_MEANING[stem] for stem in stems if stem in _MEANING), word)
