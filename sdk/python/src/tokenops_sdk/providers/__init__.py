"""What the official SDKs answer with, and where their calls are made. Reads by attribute: no SDK is imported here."""
