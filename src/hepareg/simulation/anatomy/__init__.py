"""Bodies: a procedural phantom or a real CT, its organs, vessels and lesions."""
