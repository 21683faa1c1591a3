"""Pure decisions: numbers in, insights out. No Django, no clock, no I/O."""
