"""The pages: for people, on the same operations as the API; complete without scripts, better with them."""
