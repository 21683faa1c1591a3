"""The demo organization: ninety days of plausible calls that are the same on every machine."""
