"""The Placefeed standard, for Python: find it, check documents against it, speak of what is wrong."""
