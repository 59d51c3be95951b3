"""Functional clusters of voxels, shared by subjects (Stage 1 of Brain-IT, 2510.25976)."""
