"""Channels, routes and deliveries: events of any room become messages where people work, and never get lost."""
