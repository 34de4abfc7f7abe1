"""Writes rows: image sources, customized models, samples, encoders, embeddings. Imports store and runtime."""
