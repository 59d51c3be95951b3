"""The simulated brain: stimuli become voxel responses, and responses become BOLD in BIDS.

Everything here is simulated and says so. No stage imports this room; only the CLI runs it.
"""
