"""The artifact store: whole-or-nothing files, each with a manifest that tells where it came from."""
