"""Lists of what costs money: every model and every feature of a period, one row each."""
