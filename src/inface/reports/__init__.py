"""Results brought together for a reader: measures of a head, pages."""
