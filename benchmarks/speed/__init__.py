"""How fast hepareg is, and how that grows with the volume and with threads."""
