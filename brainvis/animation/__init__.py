"""A first frame and decoded flow to a clip: splatting, diffusion, and films to look at."""
