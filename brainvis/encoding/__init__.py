"""Encoding models: stimulus features to voxel responses."""
