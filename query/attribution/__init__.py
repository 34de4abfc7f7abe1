"""Attribution: which images of a pool influenced a generated image, by how much, and how complete that is."""
