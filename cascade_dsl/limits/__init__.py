"""The ledger: pools, words in layers, demands, admission. Pure: no clock, no chance, no I/O."""
