"""BOLD to single-trial betas, normalised, with reliability and noise ceilings."""
