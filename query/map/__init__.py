"""Maps of a store: its images and samples in two dimensions, those that are similar near each other."""
