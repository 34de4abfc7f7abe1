"""Clusters of copies: images linked by their vectors or perceptual hashes, and the works they stand for."""
