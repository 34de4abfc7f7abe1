import torch
from attribase.ingest.customize.token_embedding import initial_embedding


def test_the_token_starts_as_the_mean_of_its_words(generator):
    table = generator.embedding.weight
    ids = generator.tokenizer("cat", add_special_tokens=False).input_ids
    assert torch.allclose(initial_embedding(generator, "category", "cat"), table[ids].mean(0))
    assert not torch.allclose(initial_embedding(generator, "ktn", "cat"), table[ids].mean(0))
