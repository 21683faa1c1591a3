"""Who uses TokenOps and what they may do: users, organizations, projects, members, API keys, audit log."""
