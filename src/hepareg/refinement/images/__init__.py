"""The two images of one level: averaged, blurred alike, cut to the region, read at samples."""
