"""Bulk destinations: every call, hour by hour or day by day, as Parquet in a bucket of the organization's own."""
