"""Sampling: draw images from customized models."""
