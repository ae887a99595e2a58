"""Results of the Nexmark queries, as rows that compare whoever computed and wrote them."""
import csv
import json
import re
from collections import Counter
from decimal import Decimal

# By these columns of the result the rows are the same whichever of several equal ones is chosen.
TIES = {"q9": (0, 12, 13), "q18": (0, 1, 5), "q19": (0, 2, 7)}
# The windows of processing time depend on when rows come: only the counts of each bidder are compared.
TOTALS = {"q12": (0, 1)}


def normal(value):
    if isinstance(value, Decimal):
        return value.normalize()
    if isinstance(value, str):  # Flink leaves out the zeros at the end of a fraction of a second
        return re.sub(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.0*$|^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+$",
                      lambda match: match.group(1) or match.group(2), value)
    return value


def rows_of(lines):
    """The rows of lines of JSON objects."""
    rows = []
    for line in lines:
        pairs = json.loads(line, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=list)
        rows.append(tuple(normal(value) for _, value in pairs))
    return rows


def files_in(folder):
    return [path for path in sorted(folder.rglob("*"))
            if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)]


def lines_in(folder):
    return [line for path in files_in(folder) for line in path.read_text().splitlines()]


def partitions_in(folder):
    """Rows of a partitioned table in CSV: the fields of the lines and then the partition's folders, all as text."""
    rows = []
    for path in files_in(folder):
        partition = path.relative_to(folder).parent.parts
        with open(path, newline="", encoding="utf-8") as lines:
            rows += [(*map(normal, fields), *partition) for fields in csv.reader(lines)]
    return rows


def comparable(query, rows, open_keys=frozenset()):
    """The rows with what the query leaves open taken out. `open_keys`: values of the first column whose rows only count."""
    if query in TOTALS:
        key, count = TOTALS[query]
        totals = Counter()
        for row in rows:
            totals[row[key]] += row[count]
        return totals
    if query in TIES:
        return Counter(tuple(row[column] for column in TIES[query]) for row in rows)
    return Counter((row[0],) if row[0] in open_keys else row for row in rows)
