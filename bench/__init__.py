"""Benchmarks: each goal as a ratio against a yardstick measured in the same run."""
