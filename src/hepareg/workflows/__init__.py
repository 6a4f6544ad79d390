"""What a command does with files; owns atomic output."""
