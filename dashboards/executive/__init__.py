"""A month on one page, for whoever pays for it: spend against budget, who moved it, and what was saved."""
