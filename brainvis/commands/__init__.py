"""One module per stage: the command that a rule calls, and the root of the stage's code closure."""
