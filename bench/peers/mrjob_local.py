"""mrjob, `-r local`: `python -m bench.peers.mrjob_local plain|tuned CORES OUT FILE...`.

Plain is the same program as MARLA's Python job: map, combine, reduce, and mrjob's own protocol. Tuned keeps
the sums in the mapper and passes text between the steps: there is less to sort, pipe and parse.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mrjob.job import MRJob
from mrjob.protocol import TextProtocol, TextValueProtocol
from mrjob.step import MRStep

PREFIX = 8  # mrjob runs this file by itself, where nothing of bench can be imported


class AdRevenue(MRJob):  # type: ignore[misc]
    """Sum adRevenue by the first characters of sourceIP."""

    OUTPUT_PROTOCOL = TextValueProtocol

    def configure_args(self) -> None:
        super().configure_args()
        self.add_passthru_arg("--tuned", action="store_true")

    def internal_protocol(self) -> Any:
        return TextProtocol() if self.options.tuned else super().internal_protocol()

    def steps(self) -> list[MRStep]:
        if self.options.tuned:
            mapper = {"mapper_init": self.begin, "mapper": self.add, "mapper_final": self.sums_of_mapper}
            return [MRStep(**mapper, reducer=self.total_of_texts)]
        return [MRStep(mapper=self.pairs, combiner=self.combine, reducer=self.total)]

    def pairs(self, _: None, line: str) -> Iterator[tuple[str, float]]:
        fields = line.split(",", 4)
        yield fields[0][:PREFIX], float(fields[3])

    def combine(self, group: str, revenues: Iterable[float]) -> Iterator[tuple[str, float]]:
        yield group, sum(revenues)

    def total(self, group: str, revenues: Iterable[float]) -> Iterator[tuple[None, str]]:
        yield None, f"{group},{sum(revenues)!r}"

    def begin(self) -> None:
        self.sums: dict[str, float] = {}

    def add(self, _: None, line: str) -> None:
        fields = line.split(",", 4)
        group = fields[0][:PREFIX]
        self.sums[group] = self.sums.get(group, 0.0) + float(fields[3])

    def sums_of_mapper(self) -> Iterator[tuple[str, str]]:
        for group, revenue in self.sums.items():
            yield group, repr(revenue)

    def total_of_texts(self, group: str, revenues: Iterable[str]) -> Iterator[tuple[None, str]]:
        yield from self.total(group, map(float, revenues))


def main(variant: str, cores: str, out: str, *files: str) -> None:
    """Run the job."""
    tuned = ["--tuned"] if variant == "tuned" else []
    job = AdRevenue(["-r", "local", "--num-cores", cores, "--quiet", *tuned, *files])
    with Path(out).open("wb") as result, job.make_runner() as runner:
        runner.run()
        for chunk in runner.cat_output():
            result.write(chunk)


if __name__ == "__main__":
    if sys.argv[1].startswith("--"):
        AdRevenue.run()  # mrjob runs this file for each task
    else:
        main(*sys.argv[1:])
