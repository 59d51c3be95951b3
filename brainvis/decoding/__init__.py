"""From responses to images and feature vectors: linear decoders and the baselines to beat."""
