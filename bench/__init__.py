"""Benchmarks: `make bench`, and `python -m bench.memory`. What they measured is in docs/benchmarks.md."""
