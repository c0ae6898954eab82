"""The publisher and the log: the one room that writes what members see."""
