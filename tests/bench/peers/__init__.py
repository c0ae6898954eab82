"""What we measure ourselves against: limits, what one would pick, and the obvious way."""
