"""Stimuli to feature vectors: pixels, Gabor energy, motion energy, and frozen networks."""
