"""Kinds of base generator in memory: how each reads prompts, predicts, trains and draws."""
