"""Measurements of hepareg and of the tools that people use today. The package itself never imports this."""
