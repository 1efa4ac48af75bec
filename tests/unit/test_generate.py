import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from marla.generate import GenerateError, parse_size, rankings, uservisits

PAGES = 2_000


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(paths: list[Path]) -> list[list[str]]:
    return [line.split(",") for path in paths for line in path.read_text("ascii").splitlines()]


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def share(values: list[int], above: int) -> float:
    return sum(value > above for value in values) / len(values)


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """About 50,000 visits."""
    return rows(uservisits(tmp_path_factory.mktemp("visits"), 4_000_000, 2, urls=PAGES, processes=1))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    return rows(rankings(tmp_path_factory.mktemp("pages"), None, 3, urls=100_000))


# The same bytes everywhere


def test_visits_of_a_seed_never_change(tmp_path: Path) -> None:
    path = uservisits(tmp_path, 100_000, 1, seed=7, urls=PAGES)[0]
    assert digest(path) == "be04c1af5d6003498808724bdbfafedf4e04ded2302e7cdf4b2e8ea827fd9bdd"


def test_rankings_of_a_seed_never_change(tmp_path: Path) -> None:
    path = rankings(tmp_path, None, 1, seed=7, urls=PAGES)[0]
    assert digest(path) == "f8343148f1b459ef5b54aa0e6ca5d8bb1296c6f2e14536d989068a19d064b504"


def test_the_number_of_processes_does_not_change_the_files(tmp_path: Path) -> None:
    alone = uservisits(tmp_path / "alone", 700_000, 3, urls=PAGES, processes=1)
    shared = uservisits(tmp_path / "shared", 700_000, 3, urls=PAGES, processes=2)
    assert [digest(path) for path in alone] == [digest(path) for path in shared]


def test_adding_files_keeps_the_earlier_ones_as_they_were(tmp_path: Path) -> None:
    few = uservisits(tmp_path / "few", 50_000, 1, urls=PAGES)
    many = uservisits(tmp_path / "many", 50_000, 3, urls=PAGES)
    later = uservisits(tmp_path / "few", 50_000, 2, urls=PAGES, start=1)
    assert [path.name for path in few + later] == [path.name for path in many]
    assert [digest(path) for path in few + later] == [digest(path) for path in many]
    ranked = rankings(tmp_path / "few", 50_000, 1)
    assert digest(ranked[0]) == digest(rankings(tmp_path / "many", 50_000, 2)[0])


def test_files_and_seeds_differ_from_each_other(tmp_path: Path) -> None:
    paths = uservisits(tmp_path / "0", 50_000, 2, seed=0, urls=PAGES)
    paths += uservisits(tmp_path / "1", 50_000, 2, seed=1, urls=PAGES)
    assert len({digest(path) for path in paths}) == 4


# Sizes


@pytest.mark.parametrize("size", [512, 100_000, 1_000_003])
def test_a_file_is_full_to_within_a_row(tmp_path: Path, size: int) -> None:
    for path in [*uservisits(tmp_path, size, 2, urls=PAGES, processes=1), *rankings(tmp_path, size, 2)]:
        assert size - 512 < path.stat().st_size <= size
        assert path.read_bytes().endswith(b"\n")


def test_a_visit_takes_about_as_many_bytes_as_a_published_one(visits: list[list[str]]) -> None:
    assert 130 < 8_000_000 / len(visits) < 170


def test_rankings_without_a_size_are_spread_evenly(tmp_path: Path) -> None:
    paths = rankings(tmp_path, None, 3, urls=1_000)
    assert sorted(len(rows([path])) for path in paths) == [333, 333, 334]


# The schema


def test_every_visit_keeps_to_the_schema(visits: list[list[str]]) -> None:
    for ip, url, day, revenue, agent, country, language, word, duration in visits:
        assert all(0 <= int(octet) <= 255 for octet in ip.split("."))
        assert len(ip) <= 116
        assert 10 <= len(url) <= 100
        assert date(1970, 1, 1) <= date.fromisoformat(day) <= date(2011, 12, 31)
        assert 0 <= float(revenue) < 1
        assert len(revenue) == len("0.12345678")
        assert 20 <= len(agent) <= 256
        assert len(country) == 3
        assert len(language) == 6
        assert 0 < len(word) <= 32
        assert 1 <= int(duration) <= 10


def test_every_ranking_keeps_to_the_schema(pages: list[list[str]]) -> None:
    for url, rank, duration in pages:
        assert 10 <= len(url) <= 100
        assert int(rank) >= 1
        assert 1 <= int(duration) <= 100


def test_no_field_holds_a_quote(visits: list[list[str]]) -> None:
    assert not any(quote in field for visit in visits for field in visit for quote in "\"'")


# The statistics


def test_each_octet_is_uniform(visits: list[list[str]]) -> None:
    expected = len(visits) / 256
    for octets in zip(*(visit[0].split(".") for visit in visits), strict=True):
        counts = Counter(octets)
        assert len(counts) == 256
        # Chi-square with 255 degrees of freedom: mean 255, standard deviation 22.6.
        assert 165 < sum((count - expected) ** 2 / expected for count in counts.values()) < 345


def test_addresses_hardly_ever_repeat(visits: list[list[str]]) -> None:
    assert len({visit[0] for visit in visits}) > len(visits) - 10


def test_days_and_revenue_are_uniform(visits: list[list[str]]) -> None:
    years = Counter(visit[2][:4] for visit in visits)
    assert len(years) == 42
    assert max(years.values()) < 1.2 * min(years.values())
    revenue = [float(visit[3]) for visit in visits]
    assert abs(sum(revenue) / len(revenue) - 0.5) < 0.005
    assert len(set(revenue)) > 0.99 * len(revenue)


def test_few_pages_are_popular_and_many_are_not(visits: list[list[str]]) -> None:
    counts = [count for _, count in Counter(visit[1] for visit in visits).most_common()]
    assert 0.1 < counts[0] / len(visits) < 0.15
    assert 8 < counts[0] / counts[9] < 12
    assert len(counts) > 0.95 * PAGES


def test_words_do_not_depend_on_agents_and_countries(visits: list[list[str]]) -> None:
    pairs = Counter((visit[5], visit[7]) for visit in visits)
    countries, words = {country for country, _ in pairs}, {word for _, word in pairs}
    assert len(pairs) == len(countries) * len(words)
    agents = {visit[4] for visit in visits}
    assert len({(visit[4], visit[5]) for visit in visits}) == len(agents) * len(countries)


def test_rank_thresholds_select_the_published_shares(pages: list[list[str]]) -> None:
    ranks = [int(rank) for _, rank, _ in pages]
    assert 0.0002 < share(ranks, above=1000) < 0.0006
    assert 0.035 < share(ranks, above=100) < 0.039
    assert 0.999 < share(ranks, above=10) < 1


# The join


def test_each_page_is_ranked_once(pages: list[list[str]]) -> None:
    assert len({url for url, _, _ in pages}) == len(pages) == 100_000


def test_every_visited_page_is_ranked(tmp_path: Path, visits: list[list[str]]) -> None:
    ranked = {url for url, _, _ in rows(rankings(tmp_path, None, 4, urls=PAGES))}
    assert {visit[1] for visit in visits} <= ranked


def test_rankings_with_a_size_hold_the_same_pages(tmp_path: Path) -> None:
    filled = rows(rankings(tmp_path / "filled", 60_000, 2, seed=3))
    assert filled == rows(rankings(tmp_path / "spread", None, 5, seed=3, urls=len(filled)))


# Files that are there already


def inodes(paths: list[Path]) -> list[int]:
    return [path.stat().st_ino for path in paths]


def test_existing_files_are_kept_on_request(tmp_path: Path) -> None:
    before = inodes(uservisits(tmp_path, 20_000, 2, urls=PAGES) + rankings(tmp_path, None, 2, urls=PAGES))
    after = uservisits(tmp_path, 20_000, 2, urls=PAGES, skip_existing=True)
    after += rankings(tmp_path, None, 2, urls=PAGES, skip_existing=True)
    assert inodes(after) == before


@pytest.mark.parametrize("change", [{"seed": 1}, {"urls": 1_999}, {"size": 20_001}])
def test_existing_files_of_other_arguments_are_replaced(tmp_path: Path, change: dict[str, Any]) -> None:
    options: dict[str, Any] = {"size": 20_000, "files": 1, "seed": 0, "urls": PAGES}
    uservisits(tmp_path / "kept", **options)
    kept = uservisits(tmp_path / "kept", **options | change, skip_existing=True)
    fresh = uservisits(tmp_path / "fresh", **options | change)
    assert digest(kept[0]) == digest(fresh[0])


@pytest.mark.parametrize("table", [uservisits, rankings])
def test_an_existing_file_that_was_cut_short_is_replaced(
    tmp_path: Path, table: Callable[..., list[Path]]
) -> None:
    path = table(tmp_path, 20_000, 1, urls=PAGES)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    table(tmp_path, 20_000, 1, urls=PAGES, skip_existing=True)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("skip_existing", [False, True])
@pytest.mark.parametrize("table", [uservisits, rankings])
def test_a_file_that_was_not_made_here_is_never_replaced(
    tmp_path: Path, table: Callable[..., list[Path]], skip_existing: bool
) -> None:
    own = tmp_path / f"{table.__name__}-00001.csv"
    own.write_text("mine")
    with pytest.raises(GenerateError, match=rf"{own.name} is there, .*; move it away, or give another DIR"):
        table(tmp_path, 20_000, 2, urls=PAGES, skip_existing=skip_existing)
    assert own.read_text() == "mine"
    assert names(tmp_path) == {own.name}


def test_data_whose_manifest_was_not_completed_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, target: Path) -> Path:
        path.rename(target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            uservisits(tmp_path, 20_000, 1, urls=PAGES)
    before = inodes([tmp_path / "uservisits-00000.csv"])
    assert inodes(uservisits(tmp_path, 20_000, 1, urls=PAGES, skip_existing=True)) != before


def test_only_data_has_visible_names(tmp_path: Path) -> None:
    uservisits(tmp_path, 20_000, 2, urls=PAGES)
    assert {name for name in names(tmp_path) if not name.startswith(".")} == {
        "uservisits-00000.csv",
        "uservisits-00001.csv",
    }


# Failures


@pytest.mark.parametrize("files", [1, 2])
def test_a_full_disk_leaves_no_part_of_a_file(tmp_path: Path, small_disk: int, files: int) -> None:
    with pytest.raises(OSError, match="File too large"):
        uservisits(tmp_path, 3 * small_disk, files, urls=PAGES)
    assert names(tmp_path) == set()


def test_a_full_disk_leaves_the_earlier_file_alone(tmp_path: Path, small_disk: int) -> None:
    earlier = digest(rankings(tmp_path, 20_000, 1)[0])
    with pytest.raises(OSError, match="File too large"):
        rankings(tmp_path, 3 * small_disk, 1)
    assert digest(tmp_path / "rankings-00000.csv") == earlier
    assert names(tmp_path) == {"rankings-00000.csv", ".rankings-00000.csv.json"}


# Arguments


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4_096),
        ("512B", 512),
        ("64KB", 64_000),
        ("16MB", 16_000_000),
        ("2 GB", 2_000_000_000),
        ("64KiB", 65_536),
        ("16mib", 16_777_216),
        ("1GiB", 1_073_741_824),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "16XB", "-1MB", "1.5GB", "0", "0MB", "16 M B", "١٦MB"])
def test_a_wrong_size_is_named_with_a_remedy(text: str) -> None:
    with pytest.raises(GenerateError, match=r"size: .* is not a size; write .* such as 16MB") as error:
        parse_size(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 511}, "size: 511 .* use 512 or more"),
        ({"files": 0}, "files: 0 .* use 1 or more"),
        ({"urls": 0}, "urls: 0 .* use 1 or more"),
        ({"start": -1}, "start: -1 .* use 0 or more"),
    ],
)
def test_a_number_out_of_range_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(GenerateError, match=message):
        uservisits(tmp_path / "new", **{"size": 1_000, "files": 1} | change)
    assert not (tmp_path / "new").exists()


def test_there_are_no_more_files_than_pages(tmp_path: Path) -> None:
    with pytest.raises(GenerateError, match=r"urls: 2 .* use 3 or more"):
        rankings(tmp_path, None, 3, urls=2)
