"""The verifier over many records: vocabularies first, then a few hundred records at a time, so that sentences are embedded in batches."""
from itertools import islice

from lib import verify

CHUNK = 512  # records in memory at once


def verify_all(records, embedder=None, vocabulary=None):
    """Yields verify.verify's result for each of `records` (a list, or an iterator with `vocabulary` given), in order."""
    if vocabulary is None:
        vocabulary = verify.vocabularies(records)
    records, embed = iter(records), None
    while chunk := list(islice(records, CHUNK)):
        attempts = [verify.attempt(record, vocabulary) for record in chunk]
        texts = [text for _, wanted in attempts for text in wanted]
        if texts:
            if embed is None:
                from lib.embed import Embedder
                embed = Embedder(embedder)
            embed(texts)  # one batch into its cache
        for record, (result, _) in zip(chunk, attempts):
            yield result or verify.verify(record, vocabulary, embed)
