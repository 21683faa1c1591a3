"""``make run``: everything the product needs, started in order, watched, and stopped in order."""
