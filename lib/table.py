"""Tables of users and of datasets, row by row: CSV, which spreadsheets write in several ways, and where a
comma too many must not cut a text; JSONL and JSON.
"""

import codecs
import csv
import json
import os

from lib.records import StageError, not_json, with_unique_keys

# longer marks first: that of UTF-16 begins that of UTF-32
MARKS = (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")
FIELD = 1 << 24  # characters of a field; Python's own limit is less than a cell of Panda-70M can hold
QUOTES = 'quote a text as "...", and a quote in it as ""'
CONVERT = "save it as UTF-8 (Excel: 'CSV UTF-8'; else iconv -f WINDOWS-1252 -t UTF-8 IN > OUT)"


def encoding_of(path):
    """UTF-16 or UTF-32 where the file begins with their mark, else UTF-8, with or without one."""
    with open(path, "rb") as file:
        head = file.read(4)
    return next((name for mark, name in MARKS if head.startswith(mark)), "utf-8-sig")


def undecodable(path, encoding, error):
    """The StageError for a file that is no text in an encoding: its first line that is not, and how to
    convert it."""
    if encoding == "utf-8-sig":
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as own:
                    byte, near = line[own.start], line[max(0, own.start - 20) : own.end + 20]
                    return StageError(f"{path}:{number}: byte {byte:#x} in {near!r} is not UTF-8; {CONVERT}")
    return StageError(f"{path}: not a text in {encoding} ({error.reason}); {CONVERT}")


def text_lines(path):
    """The lines of a text file, line ends included. Raises StageError where it is none."""
    encoding = encoding_of(path)
    with open(path, newline="", encoding=encoding) as file:
        try:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    raise StageError(
                        f"{path}:{number}: a NUL byte: no text, or UTF-16 without its mark; {CONVERT}"
                    )
                yield line
        except UnicodeDecodeError as error:
            raise undecodable(path, encoding, error) from None


def header_of(path, fields, columns):
    """The names of a CSV's columns, those of `columns` as they are there, whatever their case."""
    known = {name.lower(): name for name in columns}
    names = [known.get(field.strip().lower(), field.strip()) for field in fields]
    twice = [name for at, name in enumerate(names) if name and name in names[:at]]
    if twice:
        raise StageError(f"{path}:1: column {twice[0]!r} stands twice; rename or remove one of them")
    return names


def row_of(names, fields):
    """A row as {column: text}, or as a text what is wrong with it."""
    last = max(at for at, name in enumerate(names, 1) if name)
    if len(fields) < last or any(field.strip() for field in fields[last:]):
        return (
            f"{len(fields)} fields, expected {last} ({', '.join(names[:last])}): "
            f'put a text with a comma in quotes, "like this, say"; found {",".join(fields)!r:.120}'
        )
    return dict(zip(names[:last], fields))


def read_csv(path, needed, columns=(), advice="", names=(), skip=0, lenient=False):
    """Yields ("path:line", row as row_of() has it) of a CSV in UTF-8 or UTF-16, one at a time.

    `needed`: columns that must be there; their names and those of the other `columns` are found in any case.
    `names`: those of the columns where the file has no header, or one of `skip` rows that does not tell them.
    `lenient`: a line with a quote too many or too few is a row with something wrong, where it is one line.
    Raises StageError for another file, with `advice`.
    """
    csv.field_size_limit(FIELD)
    reader, line, empty = csv.reader(text_lines(path), strict=True), 0, True
    try:
        for _ in range(skip):
            next(reader)
        names = names or header_of(path, next(filter(None, reader), []), [*needed, *columns])
        if not any(names) or not set(needed) <= set(names):
            found = f"columns {names}" if names else "an empty file"
            expected = f"expected {', '.join(needed)}, with commas between" if needed else "expected a header"
            raise StageError(f"{path}:1: {found}, {expected}{advice}")
        line = reader.line_num
        while True:
            try:
                fields = next(reader, None)
            except csv.Error as error:
                # an open quote takes the rows behind it along: they must not be lost with one bad row
                if not lenient or reader.line_num > line + 1:
                    raise
                line, empty = reader.line_num, False
                yield f"{path}:{line}", f"not CSV ({error}); {QUOTES}"
                continue
            if fields is None:
                break
            line = reader.line_num
            if any(map(str.strip, fields)):  # spreadsheets end in empty rows, ",,,"
                empty = False
                yield f"{path}:{line}", row_of(names, fields)
    except csv.Error as error:
        raise StageError(f"{path}:{line + 1}: not CSV ({error}); {QUOTES}") from None
    if empty:
        raise StageError(f"{path}: a header without rows")


def contents(path):
    """The bytes of a file that must be there."""
    if not os.path.isfile(path):
        raise StageError(f"{path}: {'a folder, expected a file' if os.path.isdir(path) else 'no such file'}")
    with open(path, "rb") as file:
        return file.read()


def parsed_json(where, text, advice=""):
    """A JSON value.

    Raises StageError where it is none, or names a key twice: json alone would keep the last one silently.
    """
    try:
        return json.loads(text, object_pairs_hook=with_unique_keys)
    except (ValueError, RecursionError) as error:
        raise StageError(f"{where}: {not_json(error)}; found {text[:60]!r}{advice}") from None


def read_json(path):
    named = str(path).lower().endswith(".json")
    advice = "" if named else "; a table is known by the name .csv (with commas), JSON lines by .jsonl"
    return parsed_json(path, contents(path), advice)


def one_a_line(path, text):
    """Whether a file is JSONL: by its name, or as one JSON object is on the first line and more follow."""
    first, _, rest = text.strip().partition(b"\n")
    return str(path).endswith(".jsonl") or first.endswith(b"}") and rest.startswith(b"{")


def read_rows(path, columns=()):
    """[(where, row)] of a CSV, JSONL or JSON file; of a JSON object the rows are its (key, value).

    A JSONL's last line may lack its line end; these `columns` of a CSV are found in any case.
    """
    text = contents(path)
    if str(path).endswith(".csv"):
        rows = list(read_csv(path, (), columns))
        if wrong := next(((where, row) for where, row in rows if isinstance(row, str)), None):
            raise StageError(": ".join(wrong))
        return rows
    if one_a_line(path, text):
        return [
            (f"{path}:{n}", parsed_json(f"{path}:{n}", line))
            for n, line in enumerate(text.split(b"\n"), 1)
            if line.strip()
        ]
    whole = read_json(path)
    if isinstance(whole, dict):
        return [(f"{path}: {key}", (key, value)) for key, value in whole.items()]
    if isinstance(whole, list):
        return [(f"{path}[{i}]", row) for i, row in enumerate(whole)]
    raise StageError(f"{path}: found a {type(whole).__name__}, expected a list or an object")
