"""Figures: arrays and tables in, matplotlib figures out, each with the kind of data on it."""
