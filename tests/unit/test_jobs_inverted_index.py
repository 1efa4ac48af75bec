import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from jobs.inverted_index import InvertedIndex
from mapreduce import run
from tests.unit.job_runs import Way, in_all_ways, json_rows, objects_of
from tests.unit.pipeline import INPUT, run_on

LINES = [
    "The quick brown fox, the QUICK one.",
    "",
    "don't stop: x_1 x_1, 12.5",
    "한글 문서 STRASSE straße",
    *(f"{'word' * (row % 3)} w{row * row % 13} the" for row in range(60)),
]


def naive_index(objects: dict[str, bytes]) -> dict[str, dict[str, int]]:
    """The words of each object, read whole and character by character."""
    index: dict[str, dict[str, int]] = {}
    for key, data in objects.items():
        text = "".join(c if c.isalnum() or c == "_" else " " for c in data.decode())
        for word, count in Counter(word.casefold() for word in text.split()).items():
            index.setdefault(word, {})[f"s3://{INPUT}/{key}"] = count
    return index


@in_all_ways
def test_each_word_has_its_objects_and_counts(way: Way) -> None:
    objects = objects_of(LINES)
    outcome = run_on(objects, "inverted-index", **way._asdict())
    parts = [json_rows(part) for part in outcome.parts]
    rows = {row["word"]: row["documents"] for part in parts for row in part}
    expected = naive_index(objects)
    assert rows == {word: [[url, found[url]] for url in sorted(found)] for word, found in expected.items()}
    assert sum(map(len, parts)) == len(expected)
    for part in parts:
        assert [row["word"] for row in part] == sorted(row["word"] for row in part)
    assert list(parts[0][0]) == ["word", "documents"]


def test_words_are_the_same_in_any_case() -> None:
    rows = dict(run(InvertedIndex(), ["Don't İstanbul", "STRASSE straße x_1 12.5 don"]))
    assert {word: documents[0][1] for word, (documents,) in rows.items()} == {
        "don": 2,
        "t": 1,
        "i̇stanbul": 1,
        "strasse": 2,
        "x_1": 1,
        "12": 1,
        "5": 1,
    }


@given(st.lists(st.text("aB é_-\t", max_size=12)))
def test_counts_in_memory(lines: list[str]) -> None:
    words = Counter(word.casefold() for word in re.findall(r"\w+", "\n".join(lines)))
    found = {word: documents for word, (documents,) in run(InvertedIndex(), lines)}
    assert found == {word: [("s3:///", count)] for word, count in words.items()}
