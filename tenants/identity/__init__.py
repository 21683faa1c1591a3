"""Signing in with an account somewhere else: what is believed of an identity provider, and what it may do here."""
