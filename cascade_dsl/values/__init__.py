"""Values: JSON values against types, the table of functions, the evaluator of residual expressions."""
