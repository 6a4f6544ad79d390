"""The work of each command with files; owns atomic output."""
