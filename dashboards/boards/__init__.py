"""Dashboards that people put together themselves: widgets on a grid, each a question of the explorer."""
