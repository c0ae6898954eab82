"""How members read the log: one filter, one snapshot, and the forms it is given in."""
