"""The rules, one module each: ``find(snapshot, config)`` yields what they found."""
