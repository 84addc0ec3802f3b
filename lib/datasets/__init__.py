"""Labels of any kind become records: a file per dataset, opened by stage 01 alone.

A reader of official annotations is the function `read` of its file. It is called with one annotation file
or folder, the seed and, where there is one, a file of durations, and yields (where, record or None, note):
`where` is "path:line" or "path: key"; `note` is None or one of few reasons, to be counted: "dropped: ..."
(an annotation is lost; record is None), "clamped: ..." (the record was mended), "not asked: ..." (the
annotation has other records, but this kind of question cannot be asked of it; record is None).

A record's `source_video` is the name of the video that it and others were cut from, where the dataset says
it: the split parts none of one source. Stage 01 does not write it.

A record's `video` is a list of candidates (stem, start, end), the best first, which all show the same clip:
the file whose path without its ending ends with `stem` (or which is `stem`, if that is absolute), cut from
start to end, None for the whole file. Times in labels count from the clip's start. What official converters
get wrong is done right here: steps in the order of time with their repeats, boxes as corners, gold values
not rounded.

A new dataset is one file here, and one line in FILES. captions.py stands apart: what it reads are clips with
captions in place of labels, in the forms of lib/captions.
"""

from importlib import import_module

# name on the command line: file in this folder
FILES = {
    "kinetics": "kinetics",
    "star": "star",
    "finediving": "finediving",
    "charades-sta": "charades",
    "activitynet": "activitynet",
    "nextqa": "nextqa",
    "ssv2": "ssv2",
    "moma": "moma",
    "egoexo4d": "egoexo",
    "conversations": "conversations",
}
READERS = {name: import_module(f"{__name__}.{file}").read for name, file in FILES.items()}
