"""The live stream: one batch for all who are told the same, and readers that may be slow."""
