"""How sensors measure: the way from light to numbers."""
