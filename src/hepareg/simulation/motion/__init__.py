"""Motion between two phases: pose of the body, breathing of the liver, bending, sliding."""
