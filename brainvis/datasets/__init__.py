"""One module per data set; each yields `Stimuli`, `Responses` (or BOLD in BIDS) and splits."""
