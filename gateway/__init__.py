"""The proxy: one changed base URL, and every call is seen, priced and passed on as it came."""
