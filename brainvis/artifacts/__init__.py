"""The artifact store: whole-or-nothing files, each with a manifest of its origins."""
