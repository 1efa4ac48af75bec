"""Benchmarks: each is run by hand, prints a table, and says what machine it ran on."""
