"""Expressions over columns of many types, answered by DuckDB.

Every expression is a pair: as Millrace reads it, and what DuckDB calls the same. Where the two differ by their rules (NULLs in
CONCAT and GREATEST, the first day of a week, digits of a fraction), DuckDB's side says what the rule is.
"""
import datetime
import decimal

from blocks import Duck, cell, file_block, query_block, table_block

START = datetime.datetime(2023, 12, 28)
TABLE = "n INT, i BIGINT, d DECIMAL(10, 2), s STRING, b BOOLEAN, t TIMESTAMP(3), day DATE"
NAMES = ["n", "i", "d", "s", "b", "t", "day"]
TEXTS = [None, "", "a", "Abc", "  padded ", "x,y,z", "a b c d", "straße", "ÄÖ", "😀 smile", "2024-02-29", "a longer string that is not inline"]


def shown(value):
    """As CAST(... AS STRING) shows a value."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return cell(value)


class Typed:
    """SELECT, filters, groups, DISTINCT, joins and set operations over typed expressions."""

    def __init__(self, rng):
        self.rng = rng

    def row(self):
        rng = self.rng
        time = rng.choice([None, START + datetime.timedelta(milliseconds=rng.randrange(0, 800 * 24 * 3600 * 1000)),
                           datetime.datetime(2024, 2, 29, 23, 59, 59, 999000), datetime.datetime(2024, 1, 1)])
        return (rng.choice([None, 0, 1, -1, 2, 7, 100]), rng.choice([None, 0, 5, -3, 12345678901, 99]),
                rng.choice([None, decimal.Decimal(rng.randrange(-100000, 100000)) / 100, decimal.Decimal("0.00"), decimal.Decimal("2.50"),
                            decimal.Decimal("-2.50")]),
                rng.choice(TEXTS), rng.choice([None, True, False]), time,
                rng.choice([None, datetime.date(2024, 2, 29), datetime.date(2023, 12, 31) + datetime.timedelta(days=rng.randrange(500))]))

    def pick(self, *makers):
        return self.rng.choice(makers)()

    @staticmethod
    def call(form, *arguments, theirs=None):
        """`form` with each {} filled, in both languages."""
        return form.format(*(ours for ours, _ in arguments)), (theirs or form).format(*(other for _, other in arguments))

    def whole(self, depth=0):
        rng, call = self.rng, self.call
        if depth > 2 or rng.randrange(3) == 0:
            return rng.choice([("n", "n"), ("n", "n"), ("i", "i"), ("3", "3"), ("n", "n")])
        text, time, other = self.text(depth + 1), self.time(depth + 1), self.time(depth + 1)
        # Small enough that no sum overflows.
        small = rng.choice([("n", "n"), ("7", "7"), ("CHAR_LENGTH(s)", "length(s)")])
        unit = rng.choice(["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOY", "HOUR", "MINUTE", "SECOND"])
        between = rng.choice(["SECOND", "MINUTE", "HOUR", "DAY"])
        return self.pick(
            lambda: call("({} + {})", small, self.whole(depth + 1)),
            lambda: call("({} - {})", self.whole(depth + 1), small),
            lambda: call("({} * {})", small, small),
            lambda: call("ABS({})", self.whole(depth + 1)),
            lambda: call("MOD({}, 5)", self.whole(depth + 1)),
            lambda: call("({} / 3)", self.whole(depth + 1), theirs="({} // 3)"),
            lambda: call("(-{})", self.whole(depth + 1)),
            lambda: call("SIGN({})", small, theirs="sign({})"),
            lambda: call("CHAR_LENGTH({})", text, theirs="length({})"),
            lambda: call("POSITION('a' IN {})", text),
            lambda: call("ASCII({})", ("SUBSTRING('xyz' FROM 2)", "substring('xyz', 2)")),
            lambda: call(f"EXTRACT({unit} FROM {{}})", time),
            lambda: call(f"EXTRACT({rng.choice(['YEAR', 'MONTH', 'DAY', 'DOY'])} FROM {{}})", self.day(depth + 1)),
            lambda: call("DAYOFWEEK({})", self.day(depth + 1), theirs="(dayofweek({}) + 1)"),
            lambda: call(f"TIMESTAMPDIFF({between}, {{}}, {{}})", time, other, theirs=f"datesub('{between.lower()}', {{}}, {{}})"),
            lambda: call("COALESCE({}, {})", self.whole(depth + 1), small),
            lambda: call("NULLIF({}, {})", self.whole(depth + 1), small),
            lambda: call("GREATEST({0}, {1})", small, self.whole(depth + 1),
                         theirs="CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL ELSE greatest({0}, {1}) END"),
            lambda: call("CASE WHEN {} THEN {} ELSE {} END", self.truth(depth + 1), self.whole(depth + 1), small),
            lambda: call("CAST(TRUNCATE({}) AS BIGINT)", self.amount(depth + 1), theirs="CAST(trunc({}) AS BIGINT)"))

    def amount(self, depth=0):
        """DECIMALs of few digits, so that no rule about the largest precision applies."""
        rng, call = self.rng, self.call
        if depth > 1 or rng.randrange(3) == 0:
            return rng.choice([("d", "d"), ("2.5", "2.5"), ("CAST(n AS DECIMAL(8, 1))", "CAST(n AS DECIMAL(8, 1))"), ("0.25", "0.25")])
        return self.pick(
            lambda: call("({} + {})", self.amount(depth + 1), self.amount(depth + 1)),
            lambda: call("({} - {})", self.amount(depth + 1), self.amount(depth + 1)),
            lambda: call("({} * {})", self.amount(depth + 1), ("2.5", "2.5")),
            lambda: call("ABS({})", self.amount(depth + 1)),
            lambda: call("CAST(ROUND({}, 1) AS DECIMAL(20, 2))", self.amount(depth + 1)),
            lambda: call("CAST(FLOOR({}) AS DECIMAL(20, 0))", self.amount(depth + 1)),
            lambda: call("CAST(CEIL({}) AS DECIMAL(20, 0))", self.amount(depth + 1)),
            lambda: call("COALESCE({}, d)", self.amount(depth + 1)),
            lambda: call("CASE WHEN {} THEN {} ELSE d END", self.truth(depth + 1), ("CAST(n AS DECIMAL(10, 2))", "CAST(n AS DECIMAL(10, 2))")),
            lambda: call("CAST({} AS DECIMAL(14, 3))", self.amount(depth + 1)))

    def text(self, depth=0):
        rng, call = self.rng, self.call
        if depth > 2 or rng.randrange(3) == 0:
            return rng.choice([("s", "s"), ("s", "s"), ("'a'", "'a'"), ("'x y'", "'x y'")])
        first, count = rng.randrange(1, 5), rng.randrange(0, 6)
        return self.pick(
            lambda: call("({} || {})", self.text(depth + 1), self.text(depth + 1)),
            lambda: call("UPPER({})", ("REPLACE(s, 'ß', 'z')", "replace(s, 'ß', 'z')")),
            lambda: call("LOWER({})", self.text(depth + 1)),
            lambda: call(f"SUBSTRING({{}} FROM {first} FOR {count})", self.text(depth + 1), theirs=f"substring({{}}, {first}, {count})"),
            lambda: call(f"LEFT({{}}, {count})", self.text(depth + 1)),
            lambda: call(f"RIGHT({{}}, {count})", self.text(depth + 1)),
            lambda: call("TRIM({})", self.text(depth + 1)),
            lambda: call("LTRIM({})", self.text(depth + 1)),
            lambda: call("RTRIM({})", self.text(depth + 1)),
            lambda: call("REPLACE({}, 'a', 'zz')", self.text(depth + 1)),
            lambda: call("REVERSE({})", ("REPLACE(s, '😀', '')", "replace(s, '😀', '')")),
            lambda: call(f"REPEAT({{}}, {rng.randrange(0, 3)})", self.text(depth + 1)),
            lambda: call("LPAD({}, 7, '*')", ("COALESCE(s, '-')", "coalesce(s, '-')")),
            lambda: call("RPAD({}, 4, '.')", ("COALESCE(s, '-')", "coalesce(s, '-')")),
            lambda: call("REGEXP_REPLACE({}, '[a-c]+', '_')", self.text(depth + 1), theirs="regexp_replace({}, '[a-c]+', '_', 'g')"),
            lambda: call("MD5({})", self.text(depth + 1)),
            lambda: call("CAST({} AS STRING)", self.whole(depth + 1)),
            lambda: call("CAST({} AS STRING)", self.day(depth + 1)),
            lambda: call("CAST({} AS STRING)", self.truth(depth + 1), theirs="upper(CAST({} AS VARCHAR))"),
            lambda: call("DATE_FORMAT({}, 'yyyy-MM-dd HH:mm')", self.time(depth + 1), theirs="strftime({}, '%Y-%m-%d %H:%M')"),
            lambda: call("COALESCE({}, 'none')", self.text(depth + 1)),
            lambda: call("CASE WHEN {} THEN {} ELSE {} END", self.truth(depth + 1), self.text(depth + 1), self.text(depth + 1)))

    def time(self, depth=0):
        rng, call = self.rng, self.call
        if depth > 2 or rng.randrange(3) == 0:
            return "t", "t"
        count = rng.choice([1, 2, 5, 40])
        unit = rng.choice(["SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR"])
        floor = rng.choice(["SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR"])
        return self.pick(
            lambda: call(f"({{}} {rng.choice('+-')} INTERVAL '{count}' {unit})", self.time(depth + 1)),
            lambda: call(f"TIMESTAMPADD({unit}, {count}, {{}})", self.time(depth + 1), theirs=f"({{}} + INTERVAL '{count}' {unit})"),
            lambda: call(f"FLOOR({{}} TO {floor})", self.time(depth + 1), theirs=f"CAST(date_trunc('{floor}', {{}}) AS TIMESTAMP)"),
            lambda: call("CAST({} AS TIMESTAMP(3))", self.day(depth + 1), theirs="CAST({} AS TIMESTAMP)"),
            lambda: call("COALESCE({}, t)", self.time(depth + 1)),
            lambda: call("CASE WHEN {} THEN {} ELSE t END", self.truth(depth + 1), self.time(depth + 1)))

    def day(self, depth=0):
        rng, call = self.rng, self.call
        if depth > 2 or rng.randrange(3) == 0:
            return rng.choice([("day", "day"), ("DATE '2024-02-29'", "DATE '2024-02-29'")])
        return self.pick(
            lambda: call("CAST({} AS DATE)", self.time(depth + 1)),
            lambda: call(f"CAST({{}} + INTERVAL '{rng.randrange(1, 40)}' {rng.choice(['DAY', 'MONTH'])} AS DATE)", self.day(depth + 1)),
            lambda: call("COALESCE({}, day)", self.day(depth + 1)))

    def truth(self, depth=0):
        rng, call = self.rng, self.call
        if depth > 2 or rng.randrange(4) == 0:
            return rng.choice([("b", "b"), ("s IS NULL", "s IS NULL"), ("TRUE", "TRUE"), ("n > 1", "n > 1")])
        compared = rng.choice(["=", "<>", "<", "<=", ">", ">="])
        kind = rng.choice([self.whole, self.amount, self.text, self.time, self.day])
        same = rng.choice(["IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
        return self.pick(
            lambda: call("({} AND {})", self.truth(depth + 1), self.truth(depth + 1)),
            lambda: call("({} OR {})", self.truth(depth + 1), self.truth(depth + 1)),
            lambda: call("(NOT {})", self.truth(depth + 1)),
            lambda: call(f"({{}} {compared} {{}})", kind(depth + 1), kind(depth + 1)),
            lambda: call(f"({{}} {same} {{}})", kind(depth + 1), kind(depth + 1)),
            lambda: call("({} BETWEEN {} AND {})", kind(depth + 1), kind(depth + 1), kind(depth + 1)),
            lambda: call("({} IN ({}, {}))", kind(depth + 1), kind(depth + 1), kind(depth + 1)),
            lambda: call(f"({{}} IS {rng.choice(['', 'NOT '])}NULL)", kind(depth + 1)),
            lambda: call(f"({{}} IS {rng.choice(['', 'NOT '])}{rng.choice(['TRUE', 'FALSE'])})", self.truth(depth + 1)),
            lambda: call(f"({{}} LIKE '{rng.choice(['%a%', 'a_', '_b%', '%', ''])}')", self.text(depth + 1)))

    def value(self):
        return self.rng.choice([self.whole, self.amount, self.text, self.time, self.day, self.truth])()

    def aggregate(self):
        rng, call = self.rng, self.call
        comparable = rng.choice([self.whole, self.amount, self.text, self.time, self.day])
        made = self.pick(
            lambda: ("COUNT(*)", "COUNT(*)"),
            lambda: call("COUNT({})", self.value()),
            lambda: call("SUM({})", ("n", "n")),
            lambda: call("SUM({})", self.amount(1)),
            lambda: call("MIN({})", comparable(1)),
            lambda: call("MAX({})", comparable(1)),
            lambda: call("COUNT(DISTINCT {})", self.value()),
            lambda: call("AVG({})", ("n", "n"), theirs="CAST(trunc(avg({})) AS INT)"))
        if rng.randrange(4) > 0:
            return made
        # DuckDB's average is made whole outside of it.
        theirs = "CAST(trunc(avg(n) FILTER (WHERE {1})) AS INT)" if made[0].startswith("AVG") else None
        return call("{} FILTER (WHERE {})", made, self.truth(1), theirs=theirs)

    def query(self):
        rng = self.rng
        where = self.truth() if rng.randrange(2) else None

        def both(form, *parts):
            filtered = form + (" WHERE {}" if where else "")
            return self.call(filtered, *parts, *([where] if where else []))

        kind = rng.randrange(6)
        if kind < 2:
            return both("SELECT {} AS x, {} AS y FROM t", self.value(), self.value())
        if kind == 2:
            return both("SELECT DISTINCT {} AS x, {} AS y FROM t", self.value(), self.value())
        if kind == 3:
            key = self.value()
            ours, theirs = both("SELECT {} AS g, {} AS v FROM t", key, self.value())
            values = [self.pick(lambda: "COUNT(v)", lambda: "COUNT(DISTINCT v)", lambda: "COUNT(*)", lambda: "MAX(v)", lambda: "MIN(v)")
                      for _ in range(2)]
            around = f"SELECT g, {values[0]} AS a, {values[1]} AS b FROM ({{}}) AS z GROUP BY g"
            return around.format(ours), around.format(theirs)
        if kind == 4:
            column = rng.choice(NAMES)
            ours, theirs = both(f"SELECT {column}, {{}} AS x, {{}} AS y FROM t", self.aggregate(), self.aggregate())
            having = rng.choice(["", " HAVING COUNT(*) > 1"])
            return f"{ours} GROUP BY {column}{having}", f"{theirs} GROUP BY {column}{having}"
        maker = rng.choice([self.whole, self.text, self.time, self.day, self.truth])
        # Two columns: a row of one empty text would be an empty line.
        left, right = self.call("SELECT {} AS x, 1 AS one FROM t", maker()), self.call("SELECT {} AS x, 1 AS one FROM t", maker())
        if rng.randrange(2):
            operator = rng.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"])
            return f"{left[0]} {operator} {right[0]}", f"{left[1]} {operator} {right[1]}"
        join = rng.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        around = f"SELECT l.x AS x, COUNT(*) AS n, COUNT(r.x) AS m FROM ({{}}) AS l {join} ({{}}) AS r ON l.x = r.x GROUP BY l.x"
        return around.format(left[0], right[0]), around.format(left[1], right[1])

    def file(self, queries):
        rows = [self.row() for _ in range(self.rng.choice([0, 1, 30, 60]))]
        duck = Duck()
        duck.create("t", "n INT, i BIGINT, d DECIMAL(10, 2), s VARCHAR, b BOOLEAN, t TIMESTAMP, day DATE", rows)
        records = [{name: value if isinstance(value, (int, str, bool, type(None))) else shown(value) for name, value in zip(NAMES, row)}
                   for row in rows]
        text = file_block("t.json", records) + table_block("t", TABLE)
        for _ in range(queries):
            ours, theirs = self.query()
            text += query_block(ours, [[shown(value) for value in row] for row in duck.answer(theirs)])
        return text
