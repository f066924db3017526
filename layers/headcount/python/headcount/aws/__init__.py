"""Adapters: the only code that calls AWS."""
