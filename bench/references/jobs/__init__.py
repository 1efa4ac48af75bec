"""Jobs that only the benchmark has: a reference adds them to the catalogue of its own process."""
