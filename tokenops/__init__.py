"""Composition root: settings, URLs, processes. The only package that may import every other one."""
