"""Pages about tenants: organizations, projects, keys, the first call, this instance and its development mails."""
