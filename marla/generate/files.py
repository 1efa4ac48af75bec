"""The files of a table: their names, how they are written, and which of them are there already."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .limits import GenerateError

Options = dict[str, str | int | float | None]  # all that decides the bytes of a table's files


@dataclass(frozen=True)
class File:
    """One file of a table, with its number, and a manifest beside it of what made it."""

    path: Path
    number: int
    options: Options

    def write(self, blocks: Iterable[bytes]) -> None:
        """Writes the file under a hidden name and renames it when complete, then its manifest."""
        partial_file = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        try:
            with partial_file.open("wb") as file:
                file.writelines(blocks)
            # Before the rename: a manifest that never vouches for the wrong file, but says that it is ours.
            self._manifest.write_text("{}", encoding="ascii")
            partial_file.replace(self.path)
        finally:
            partial_file.unlink(missing_ok=True)
        self._manifest.write_text(self._vouch(), encoding="ascii")

    def is_made(self) -> bool:
        """Whether the file is there, complete, and made by these options."""
        manifest = self._manifest
        return self.path.exists() and manifest.exists() and manifest.read_text("ascii") == self._vouch()

    def is_foreign(self) -> bool:
        """Whether something of this name is there that was not made here: it has no manifest."""
        return os.path.lexists(self.path) and not self._manifest.exists()

    @property
    def _manifest(self) -> Path:
        return self.path.with_name(f".{self.path.name}.json")

    def _vouch(self) -> str:
        recipe = {**self.options, "number": self.number, "length": self.path.stat().st_size}
        return json.dumps(recipe, indent=1, sort_keys=True)


# A function of a module, or a `partial` of one: other processes get it.
Content = Callable[[File], Iterable[bytes]]


def plan(directory: Path, options: Options, numbers: range, suffix: str) -> list[File]:
    """The files of `options["table"]` with these numbers; creates the directory.

    Raises GenerateError if one would take the place of a file that was not made here.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = [
        File(directory / f"{options['table']}-{number:05}{suffix}", number, options) for number in numbers
    ]
    for file in files:
        if file.is_foreign():
            raise GenerateError(
                f"{file.path} is there, and `marla generate` did not make it (it has no manifest beside it); "
                "move it away, or give another DIR"
            )
    return files


def make(files: list[File], content: Content, *, skip_existing: bool, processes: int | None) -> list[Path]:
    """Writes the files in as many processes as there are cores, unless told how many; returns all paths.

    `skip_existing` keeps a complete file that the same options made.
    """
    wanted = [file for file in files if not (skip_existing and file.is_made())]
    workers = min(processes or os.cpu_count() or 1, len(wanted))
    write = partial(_write, content)
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(write, wanted))
    else:
        for file in wanted:
            write(file)
    return [file.path for file in files]


def fit(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """As many whole lines of the blocks as fit in `size` bytes."""
    for block in blocks:
        if len(block) > size:
            yield block[: block.rfind(b"\n", 0, size) + 1]
            return
        yield block
        size -= len(block)


def _write(content: Content, file: File) -> None:
    file.write(content(file))
