"""Tests, helpers and judges; a package so that python -m tests.differential finds this one."""
