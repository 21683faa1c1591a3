"""What people look at: pages, filters, charts, the log of calls."""
