"""Pickles of plain values and numpy arrays, and no others: reading one must not run code."""

import pickle

import numpy as np

from lib.records import StageError


def plain_dtype(*args):
    """np.dtype, but not of arrays that hold Python objects."""
    dtype = np.dtype(*args)
    if dtype.hasobject:
        raise pickle.UnpicklingError("it holds an array of objects")
    return dtype


def latin1(text, encoding):
    """The bytes that a pickle of Python 2 holds as text."""
    return text.encode("latin1")


MAKERS = {"_reconstruct": np.empty(0).__reduce__()[0], "scalar": np.int64(0).__reduce__()[0]}
# what rebuilds arrays and their numbers, and nothing else
ADMITTED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): plain_dtype,
    ("_codecs", "encode"): latin1,
    **{
        (f"numpy.{core}.multiarray", name): maker
        for core in ("core", "_core")
        for name, maker in MAKERS.items()
    },
}


class NumpyOnly(pickle.Unpickler):
    """Reads plain values and numpy arrays. A pickle that names anything else could run any code: refused."""

    def find_class(self, module, name):
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return ADMITTED[module, name]


def unpickle(path, kind=dict):
    """The content of a pickle, of Python 2 or 3: a `kind` that holds plain values and numpy arrays only.
    Raises StageError for any other."""
    # what pickle raises for a file that is cut off, or is no pickle
    damaged = (EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError)
    with open(path, "rb") as file:
        try:
            value = NumpyOnly(file, encoding="latin1").load()
        except (pickle.UnpicklingError, *damaged) as error:
            raise StageError(
                f"{path}: refused: {error}; expected a pickle of plain values and numpy arrays only"
            ) from None
    if not isinstance(value, kind):
        raise StageError(f"{path}: found a {type(value).__name__}, expected another file; download it again")
    return value
