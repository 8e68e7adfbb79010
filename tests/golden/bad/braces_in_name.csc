type Mode = "fast" | "{{slow}}"
