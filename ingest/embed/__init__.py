"""The machinery of the embedding job: pixels, decoding processes, the pipeline, what is left to do."""
