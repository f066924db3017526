"""Review: people look at frames, correct the boxes, and the manifest says who and when."""
