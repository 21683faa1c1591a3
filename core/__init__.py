"""The kernel: tenant scope, keys, crypto, database roles, queue. It has no tenant tables and knows no product."""
