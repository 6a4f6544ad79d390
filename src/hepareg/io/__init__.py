"""Files and their formats, one module each; RAS mm and moving_from_fixed inside, whatever the file says."""
