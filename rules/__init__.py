"""Deterministic rules over telemetry, what people do about what they find, and the alerts that tell them."""
