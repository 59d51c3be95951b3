"""The procedural world of simulated stimuli."""
