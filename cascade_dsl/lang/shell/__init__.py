"""Shell scripts as far as values in them are concerned: where each `{{ }}` stands, and what may stand there.

`places` is the data, `scanner` reads a script with the stack of `frames`, `words` are what it collects, and `commands`
knows what single commands do with their words.
"""
