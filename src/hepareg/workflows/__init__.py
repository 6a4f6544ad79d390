"""Work of the commands on files, with atomic output."""
