"""Figures of intake and list, each beside its limit and its peers in the same run."""
