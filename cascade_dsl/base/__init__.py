"""Ground floor: spans, diagnostics and their codes, exact quantities, suggestions, assets. Standard library only."""
