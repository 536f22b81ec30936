"""Engines: the only files that know how a kind of model loads and runs."""
