"""Calls and numbers as files: small ones at once, large ones made by a worker."""
