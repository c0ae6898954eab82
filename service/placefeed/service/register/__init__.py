"""Ofsted's register as the exchange holds it: loaded from files, reconciled with what providers say."""
