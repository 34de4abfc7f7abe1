"""Build the embedded world: images, tokenizer, VAE, UNet (`python -m attribase.ingest.world.build`)."""
