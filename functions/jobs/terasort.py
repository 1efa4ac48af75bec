"""TeraSort: the sort benchmark of section 5.3 of Dean and Ghemawat 2004 (Gray's records of 100 bytes)."""

from mapreduce import Fixed, parameter

from .sort import Sort


class TeraSort(Sort):
    """Sort records of 100 bytes by their first 10, as the sort benchmark has it."""

    format = Fixed(100)
    output = "raw"
    columns = ("record",)

    characters: int = parameter(10, "how many bytes of a record are its key; 0: all", minimum=0)
