"""Optical flow of clips, and its decoding from fMRI given the first frame."""
