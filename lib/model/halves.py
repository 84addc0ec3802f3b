"""Batches in halves, where memory does not suffice for the whole."""


def in_halves(compute, items, at_once):
    """(results of compute(part) for all parts of `items`, `at_once` long; how often a part was halved for
    want of memory).

    The result of an item for which memory does not suffice alone is None.
    """
    import torch

    results, halvings = [], 0
    for i in range(0, len(items), at_once):
        part = items[i : i + at_once]
        try:
            results += compute(part)
            continue
        except torch.OutOfMemoryError:
            pass  # not here: until this block is left, the error holds on to the tensors of the failed part
        torch.cuda.empty_cache()
        if len(part) == 1:
            results.append(None)
            continue
        half = (len(part) + 1) // 2
        print(f"out of memory with {len(part)} answers at once: trying {half}", flush=True)
        again, more = in_halves(compute, part, half)
        results, halvings = results + again, halvings + 1 + more
    return results, halvings
