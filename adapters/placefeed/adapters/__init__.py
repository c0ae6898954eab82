"""Reads other people's forms and hands back standard documents; neither judges nor stores them."""
