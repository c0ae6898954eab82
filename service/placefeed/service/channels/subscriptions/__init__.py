"""Telling who asked to be told: by webhook or e-mail, with gap-free numbers."""
