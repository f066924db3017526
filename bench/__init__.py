"""`make bench`: what Headcount costs, as ratios measured in one run."""
