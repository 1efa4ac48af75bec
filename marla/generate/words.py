"""Words, and what else the texts of several tables are made of."""

from collections.abc import Iterator
from itertools import product
from string import ascii_lowercase

from .draws import Dice, seeded

# fmt: off
PLATFORMS = ("Windows NT 5.1", "Windows NT 6.1; WOW64", "Macintosh; Mac OS X 10_7", "X11; Linux x86_64",
             "X11; FreeBSD i386", "iPhone; U", "Android 2.3", "Linux; GoogleTV 3.2")
ENGINES = ("Gecko Firefox/3.5.5", "Gecko Firefox/4.0", "AppleWebKit/420.1", "AppleWebKit/535.19",
           "Trident/4.0", "Trident/5.0", "Presto/2.10", "KHTML/4.7")
# fmt: on
WORDS = """
    acorn airport almanac anchor apple atlas autumn bakery bamboo barometer beacon bicycle blanket bookshop
    bridge butterfly cabin camera candle canyon carpenter castle cathedral chimney compass copper cottage
    cricket crystal desert dolphin earthquake eclipse elephant engine festival fiddle firefly fountain galaxy
    garden glacier granite guitar harbour harvest horizon iceberg island journey kettle kingdom lantern
    lighthouse magnet maple meadow mirror mountain museum nebula oasis orchard oyster parachute pepper piano
    planet quartz rainbow river saffron satellite snowdrops sparrow thunder umbrella valley volcano waterfall
""".split()  # noqa: SIM905 - a list of words reads best as words

LETTERS = bytes(ord(ascii_lowercase[byte * 26 >> 8]) for byte in range(256))
TRIPLES = ["".join(letters) for letters in product(ascii_lowercase, repeat=3)]
NAMES = 26**9  # how many there are of nine letters
NAME_STEP = (
    3_355_617_498_971  # about 0.618 of them, and coprime to 26, so neighbours in number look unrelated
)

ONSETS = "b br ch d f g gr h j kl l m n p pl r s sch st t tr v w z".split()  # noqa: SIM905 - reads best
SYLLABLES = [onset + vowel for onset, vowel in product(ONSETS, ("a", "e", "i", "o", "u", "ei", "ou"))]
FOREIGN = ["é", "ñu", "ßa", "øy", "çi", "жи", "λο", "水", "山川", "𝄞"]  # of 2, 3 and 4 bytes a character
ENDINGS = ["", "", "", "n", "s", "r", "l", "t", "th", "ck"]
LONGER_FROM = (30, 3_000, 300_000)  # how many words there are when they get a syllable more


def vocabulary(seed: int, count: int) -> list[str]:
    """Distinct made-up words of one to four syllables: the first ones, which are to be frequent, are short.

    About one in six has a character that is not ASCII. None holds white space.
    """
    dice = Dice(seeded("words", seed))
    syllables = SYLLABLES + FOREIGN
    words: dict[str, None] = {}
    while len(words) < count:
        length = 1 + sum(len(words) >= rank for rank in LONGER_FROM)
        stem = "".join([dice.of(syllables) for _ in range(length)])
        words[stem + dice.of(ENDINGS)] = None
    return list(words)


def names(number: int) -> Iterator[str]:
    """Names of nine letters, all different, in an order that has nothing to do with the alphabet's."""
    while True:
        number = (number + NAME_STEP) % NAMES
        high, low = divmod(number, 26**6)
        middle, low = divmod(low, 26**3)
        yield TRIPLES[high] + TRIPLES[middle] + TRIPLES[low]
