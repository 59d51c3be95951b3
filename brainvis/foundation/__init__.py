"""Small models of our own, trained on images that no subject sees."""
