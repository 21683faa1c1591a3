"""Benchmarks: each reports a ratio against a limit or baseline measured in the same run, beside absolute figures."""
