import re
from collections import Counter
from pathlib import Path

import pytest

from marla.generate import text

WORDS = 5_000


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """About 500,000 words."""
    paths = text(tmp_path_factory.mktemp("text"), 1_500_000, 2, words=WORDS)
    return b"".join(path.read_bytes() for path in paths)


@pytest.fixture(scope="module")
def lines(content: bytes) -> list[str]:
    return content.decode().removesuffix("\n").split("\n")


@pytest.fixture(scope="module")
def counts(lines: list[str]) -> list[int]:
    """How often the words come, the most frequent first."""
    return [count for _, count in Counter(" ".join(lines).split()).most_common()]


def test_lines_are_words_with_a_space_between_them(lines: list[str]) -> None:
    assert all(line == " ".join(line.split()) for line in lines)


def test_a_newline_is_all_that_ends_a_line(content: bytes, lines: list[str]) -> None:
    assert content.decode().splitlines() == lines


def test_lines_are_of_varying_lengths(lines: list[str]) -> None:
    lengths = [len(line.encode()) for line in lines]
    assert 0.04 < lengths.count(0) / len(lengths) < 0.08
    assert sum(length > 200 for length in lengths) > 0.03 * len(lengths)
    assert len(set(lengths)) > 150
    assert 500 < max(lengths) < 1_024


def test_the_kth_word_comes_one_kth_as_often_as_the_first(counts: list[int]) -> None:
    total, harmonic = sum(counts), sum(1 / k for k in range(1, WORDS + 1))
    for k in (1, 2, 3, 10, 30, 100, 300):
        assert counts[k - 1] == pytest.approx(total / harmonic / k, rel=0.1)


def test_rare_words_come_too(counts: list[int]) -> None:
    assert 0.98 * WORDS < len(counts) <= WORDS


def test_frequent_words_are_short(lines: list[str]) -> None:
    words = Counter(" ".join(lines).split()).most_common()
    frequent, rare = words[:20], words[-1000:]
    assert max(len(word) for word, _ in frequent) < sum(len(word) for word, _ in rare) / 1000


@pytest.mark.parametrize("width", [2, 3, 4])
def test_some_characters_take_several_bytes(lines: list[str], width: int) -> None:
    words = Counter(" ".join(lines).split())
    wide = {word for word in words if any(len(character.encode()) == width for character in word)}
    assert len(wide) > WORDS / 200
    assert sum(words[word] for word in wide) > words.total() / 500


def test_a_cut_anywhere_may_hit_a_character(content: bytes) -> None:
    assert len(re.findall(rb"[\x80-\xbf]", content)) > len(content) / 100


def test_one_word_is_enough(tmp_path: Path) -> None:
    path = text(tmp_path, 2_000, 1, words=1)[0]
    assert len(set(path.read_text().split())) == 1
