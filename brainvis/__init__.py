"""brainvis: decode what a person saw from fMRI, and ask what cortex responds to."""

__version__ = "0.1.0"
