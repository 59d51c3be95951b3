"""How good reconstructions and decoded features are, with chance, intervals and baselines."""
