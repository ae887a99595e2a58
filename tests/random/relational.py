"""Queries of tables whose rows have no time."""
import sqlite3

from blocks import Duck, cell, file_block, query_block, table_block

COLUMNS = ["a", "b", "s", "c"]


class Relational:
    """SELECT with filters, set operations, DISTINCT, joins, LATERAL, sub-queries, grouping sets, and aggregates over aggregates (retractions).

    A query is text that both engines read, or a pair: as Millrace reads it, and what is the same to SQLite.
    """

    def __init__(self, rng):
        self.rng = rng

    def row(self):
        rng = self.rng
        return (rng.choice([None, 0, 1, 2, 3, -1, 7]), rng.choice([None, 5, 10, 15, -3, 100]),
                rng.choice([None, "a", "b", "c", "a long string that is not inline"]), rng.randrange(0, 20))

    def number(self, depth=0):
        rng = self.rng
        if depth > 1:
            return rng.choice(["a", "b", "c", "1", "2", "10"])
        kind = rng.randrange(6)
        if kind < 3:
            return rng.choice(["a", "b", "c"])
        if kind == 3:
            return f"({self.number(depth + 1)} + {self.number(depth + 1)})"
        if kind == 4:
            return f"({self.number(depth + 1)} * {self.number(depth + 1)})"
        return f"CASE WHEN {self.condition(depth + 1)} THEN {self.number(depth + 1)} ELSE {self.number(depth + 1)} END"

    def condition(self, depth=0):
        rng = self.rng
        kind = rng.randrange(8)
        if kind == 0 and depth < 2:
            return f"({self.condition(depth + 1)} AND {self.condition(depth + 1)})"
        if kind == 1 and depth < 2:
            return f"({self.condition(depth + 1)} OR {self.condition(depth + 1)})"
        if kind == 2 and depth < 2:
            return f"(NOT {self.condition(depth + 1)})"
        if kind == 3:
            return f"{rng.choice(COLUMNS)} IS {rng.choice(['', 'NOT '])}NULL"
        if kind == 4:
            return f"s {rng.choice(['=', '<>', '<', '>='])} '{rng.choice(['a', 'b', ''])}'"
        if kind == 5:
            return f"{rng.choice(['a', 'b', 'c'])} IN (1, 5, 10)"
        return f"({self.number(2)} {rng.choice(['=', '<', '>', '<>', '<=', '>='])} {self.number(2)})"

    def source(self):
        kind = self.rng.randrange(4)
        if kind == 0:
            return "(SELECT a, b, s, c FROM t UNION ALL SELECT b, a, s, c FROM u)"
        if kind == 1:
            return "(SELECT DISTINCT a, b, s, c FROM t)"
        if kind == 2:
            return f"(SELECT a, b, s, c FROM u WHERE {self.condition()})"
        return "t"

    def aggregate(self):
        rng = self.rng
        call = rng.choice([
            lambda: "COUNT(*)",
            lambda: f"COUNT({self.number()})",
            lambda: f"SUM({self.number()})",
            lambda: f"MIN({rng.choice(COLUMNS)})",
            lambda: f"MAX({rng.choice(COLUMNS)})",
            lambda: f"COUNT(DISTINCT {rng.choice(COLUMNS)})",
            lambda: f"SUM(DISTINCT {rng.choice(['a', 'b'])})",
        ])()
        return call + (f" FILTER (WHERE {self.condition(1)})" if rng.randrange(4) == 0 else "")

    def window(self, columns):
        """PARTITION BY and ORDER BY; all columns are in the order, so that rows that it leaves equal are the same."""
        rng = self.rng
        order = [f"{column}{rng.choice(['', ' DESC'])}" for column in rng.sample(columns, len(columns))]
        keys = rng.sample(columns, rng.randrange(0, 2))
        return (f"PARTITION BY {', '.join(keys)} " if keys else "") + f"ORDER BY {', '.join(order)}"

    def top(self, rows):
        """Top-N, with the row number or without, over rows that only come or over groups."""
        rng = self.rng
        columns = COLUMNS
        if rng.randrange(2):
            columns = ["g", "n", "m"]
            key = rng.choice(COLUMNS)
            rows = f"(SELECT {key} AS g, COUNT(*) AS n, SUM(c) AS m FROM {rows} GROUP BY {key}) AS p"
        number = f"ROW_NUMBER() OVER ({self.window(columns)}) AS rn"
        filtered = rng.choice(["rn <= 3", "rn = 1", "rn < 2", "rn = 2", "rn BETWEEN 2 AND 4", "rn <= 5 AND rn > 1",
                               "rn <= 2 AND n > 1" if "n" in columns else "rn <= 2 AND c > 5"])
        kept = rng.sample(columns, rng.randrange(1, len(columns) + 1)) + (["rn"] if rng.randrange(2) else [])
        return f"SELECT {', '.join(kept)} FROM (SELECT {', '.join(columns)}, {number} FROM {rows}) AS z WHERE {filtered}"

    def over(self, rows):
        rng = self.rng
        window = self.window(COLUMNS)
        frame = rng.choice(["", "", " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
                            f" ROWS BETWEEN {rng.randrange(4)} PRECEDING AND CURRENT ROW"])
        calls = [rng.choice(["COUNT(*)", "SUM(a)", "MIN(b)", "MAX(c)", "COUNT(s)", "SUM(c)"])
                 + f" OVER ({window}{frame}) AS v{i}" for i in range(rng.randrange(1, 3))]
        if rng.randrange(3) == 0:
            # A number and a sum over few rows tell rows apart that are the same, and need not in the same order.
            ranks = ["RANK", "DENSE_RANK"] + ([] if frame and "UNBOUNDED" not in frame else ["ROW_NUMBER"])
            calls.append(f"{rng.choice(ranks)}() OVER ({window}) AS r")
        if rng.randrange(3) == 0:
            return (f"SELECT v0, COUNT(*) AS n FROM (SELECT {calls[0]} FROM {rows}) AS z GROUP BY v0")
        return f"SELECT a, s, {', '.join(calls)} FROM {rows}"

    def side(self, name):
        """A side of a join: a table, or a result that is updated."""
        kind = self.rng.randrange(4)
        if kind == 0:
            return f"(SELECT a, MAX(b) AS b, MIN(s) AS s, COUNT(*) AS c FROM {name} GROUP BY a)"
        if kind == 1:
            return f"(SELECT DISTINCT a, b, s, c FROM {name})"
        return name

    def join(self):
        rng = self.rng
        left, right = self.side("t"), self.side(rng.choice(["t", "u"]))
        pairs = rng.sample([("a", "a"), ("b", "b"), ("s", "s"), ("c", "a"), ("a", "c")], rng.randrange(0, 3))
        on = [f"l.{x} = r.{y}" for x, y in pairs]
        if not on or rng.randrange(3) == 0:
            on.append(f"l.{rng.choice(['a', 'b'])} {rng.choice(['<', '<=', '>', '<>'])} r.{rng.choice(['a', 'b', 'c'])}")
        if rng.randrange(4) == 0:
            on.append(rng.choice(["l.a > 0", "r.b > 5", "l.s IS NULL", "r.c <> 7"]))
        condition = " AND ".join(on)
        kind = rng.randrange(4)
        where = rng.choice(["", "", "l.c < 15", "l.a IS NOT NULL"])
        if kind == 0:
            test = rng.choice([
                f"{rng.choice(['', 'NOT '])}EXISTS (SELECT 1 FROM {right} AS r WHERE {condition})",
                f"l.{rng.choice(['a', 'b'])} {rng.choice(['', 'NOT '])}IN (SELECT r.{rng.choice(['a', 'c'])} FROM {right} AS r)",
                f"l.a NOT IN (SELECT r.a FROM {right} AS r WHERE r.b = l.b)",
            ])
            where = " AND ".join(part for part in (where, test) if part)
            query = f"SELECT l.a AS a, l.b AS b, l.s AS s, l.c AS c FROM {left} AS l WHERE {where}"
        else:
            join = rng.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
            where = f" WHERE {where}" if where else ""
            query = f"SELECT l.a AS a, r.b AS b, r.s AS s, l.c AS c FROM {left} AS l {join} {right} AS r ON {condition}{where}"
        if rng.randrange(2):
            return f"SELECT s, COUNT(*), COUNT(a), SUM(b), MAX(c) FROM ({query}) AS j GROUP BY s"
        return query

    def value(self, tied_by):
        """A sub-query of exactly one row, tied to the query around it by its column `tied_by` or by nothing."""
        rng = self.rng
        where = [f"r.{rng.choice(['a', 'b', 'c'])} = l.{tied_by}"] if tied_by else []
        if rng.randrange(2):
            where.append(rng.choice(["r.a > 0", "r.b <= 10", "r.s IS NOT NULL", "r.c = 3"]))
        aggregate = rng.choice(["MAX(r.b)", "MIN(r.c)", "COUNT(*)", "COUNT(r.a)", "COUNT(*) * 2 + 1", "SUM(r.c) + 1"])
        return (f"(SELECT {aggregate} FROM {self.side(rng.choice(['t', 'u']))} AS r"
                + (f" WHERE {' AND '.join(where)}" if where else "") + ")")

    def values(self):
        """Sub-queries as values: in SELECT, WHERE and HAVING."""
        rng = self.rng
        left = self.side("t")
        compared = rng.choice(["=", "<", ">=", "<>"])
        kind = rng.randrange(3)
        if kind == 0:
            return (f"SELECT l.a AS a, l.s AS s, {self.value(rng.choice(['a', 'b', None]))} AS v, l.c + {self.value('c')} AS w "
                    f"FROM {left} AS l")
        if kind == 1:
            condition = f"l.{rng.choice(['a', 'b', 'c'])} {compared} {self.value(rng.choice(['a', 'b', None]))}"
            condition += rng.choice(["", " AND l.c < 15", " OR l.a IS NULL", " AND l.a IN (SELECT a FROM u)"])
            return f"SELECT l.a AS a, l.b AS b, l.s AS s FROM {left} AS l WHERE {condition}"
        return (f"SELECT l.a AS a, COUNT(*) AS n, {self.value(rng.choice(['a', None]))} AS v FROM {left} AS l GROUP BY l.a "
                f"HAVING COUNT(*) {compared} {self.value(rng.choice(['a', None]))}")

    def set_operation(self):
        """INTERSECT and EXCEPT. SQLite has no ALL: there the copies of a row are numbered, which makes them rows of their own."""
        rng = self.rng
        columns = rng.sample(COLUMNS, rng.randrange(1, 4))
        names = ", ".join(columns)
        operator = rng.choice(["INTERSECT", "EXCEPT"])
        inputs = [f"SELECT {names} FROM {self.side(name)} AS q WHERE {self.condition()}" for name in ("t", rng.choice(["t", "u"]))]
        every = rng.randrange(2) == 1
        numbered = [f"SELECT {names}, ROW_NUMBER() OVER (PARTITION BY {names}) AS copy FROM ({query}) AS q" for query in inputs]
        ours = f"{inputs[0]} {operator}{' ALL' if every else ''} {inputs[1]}"
        theirs = f"SELECT {names} FROM ({f' {operator} '.join(numbered)}) AS z" if every else ours
        if rng.randrange(2):
            around = "SELECT {0} AS x, COUNT(*) AS n FROM ({1}) AS g GROUP BY {0}"
            return around.format(columns[0], ours), around.format(columns[0], theirs)
        return ours, theirs

    def grouping_sets(self):
        """ROLLUP, CUBE and GROUPING SETS; for SQLite, a query for each set. Without rows there is no set, not even the empty one."""
        rng = self.rng
        rows = f"{self.source()} AS q" + (f" WHERE {self.condition()}" if rng.randrange(2) else "")
        keys = rng.sample(COLUMNS, rng.randrange(1, 4))
        kind = rng.choice(["ROLLUP", "CUBE", "GROUPING SETS"])
        if kind == "ROLLUP":
            sets = [keys[:count] for count in range(len(keys), -1, -1)]
        elif kind == "CUBE":
            sets = [[key for i, key in enumerate(keys) if bits >> i & 1] for bits in range(1 << len(keys))]
        else:
            sets = [rng.sample(keys, rng.randrange(0, len(keys) + 1)) for _ in range(rng.randrange(1, 4))]
            sets.append(keys)
        written = ", ".join(f"({', '.join(group)})" for group in sets) if kind == "GROUPING SETS" else ", ".join(keys)
        values = ", ".join(f"{self.aggregate()} AS v{i}" for i in range(rng.randrange(1, 3)))
        having = rng.choice(["", "", "COUNT(*) > 1"])
        ours = (f"SELECT {', '.join(f'{key} AS k{i}' for i, key in enumerate(keys))}, GROUPING_ID({', '.join(keys)}) AS id, {values} "
                f"FROM {rows} GROUP BY {kind} ({written})" + (f" HAVING {having}" if having else ""))
        parts = []
        for group in sets:
            number = sum(1 << (len(keys) - 1 - i) for i, key in enumerate(keys) if key not in group)
            shown = ", ".join(f"{key if key in group else 'NULL'} AS k{i}" for i, key in enumerate(keys))
            parts.append(f"SELECT {shown}, {number} AS id, {values} FROM {rows}"
                         + (f" GROUP BY {', '.join(group)}" if group else "") + f" HAVING {having or 'COUNT(*) > 0'}")
        theirs = " UNION ALL ".join(parts)
        if rng.randrange(3) == 0:
            around = "SELECT id, COUNT(*) AS n, MAX(v0) AS m FROM ({}) AS g GROUP BY id"
            return around.format(ours), around.format(theirs)
        return ours, theirs

    def conditions(self):
        """IN and EXISTS as values, in three-valued logic: below OR and NOT, in CASE, in SELECT."""
        rng = self.rng

        def test():
            right = self.side(rng.choice(["t", "u"]))
            where = rng.choice(["", "", f" WHERE r.{rng.choice(['a', 'b'])} = l.{rng.choice(['a', 'b', 'c'])}", " WHERE r.a IS NOT NULL",
                                " WHERE r.c > 25"])
            if rng.randrange(3) == 0:
                return f"EXISTS (SELECT 1 FROM {right} AS r{where})"
            return (f"l.{rng.choice(['a', 'b', 'c'])} {rng.choice(['', 'NOT '])}IN "
                    f"(SELECT r.{rng.choice(['a', 'b', 'c'])} FROM {right} AS r{where})")

        left = self.side("t")
        first = test()
        if rng.randrange(2):
            return (f"SELECT l.a AS a, l.c AS c, CASE WHEN {first} THEN 1 WHEN NOT ({first}) THEN 0 ELSE -1 END AS i FROM {left} AS l")
        return (f"SELECT l.a AS a, l.b AS b, l.c AS c FROM {left} AS l "
                f"WHERE {rng.choice(['', 'NOT '])}(l.c < 3 {rng.choice(['OR', 'AND'])} {first}) OR {test()}")

    def lateral(self):
        """LATERAL queries: plain ones, the first rows of each, aggregates; for SQLite, the joins and values that they stand for."""
        rng = self.rng
        left, right = self.side("t"), self.side(rng.choice(["t", "u"]))
        tie = f"r.{rng.choice(['a', 'b'])} = l.{rng.choice(['a', 'b', 'c'])}"
        more = rng.choice(["", "", " AND r.c < 15", " AND r.s IS NOT NULL"])
        kind = rng.randrange(3)
        if kind == 0:
            calls = rng.sample(["COUNT(*)", "SUM(r.b)", "MAX(r.s)", "COUNT(r.b) + 1"], 2)
            ours = (f"SELECT l.a AS a, l.c AS c, r.x AS x, r.y AS y FROM {left} AS l CROSS JOIN LATERAL "
                    f"(SELECT {calls[0]} AS x, {calls[1]} AS y FROM {right} AS r WHERE {tie}{more}) AS r")
            values = [f"(SELECT {call} FROM {right} AS r WHERE {tie}{more})" for call in calls]
            return ours, f"SELECT l.a AS a, l.c AS c, {values[0]} AS x, {values[1]} AS y FROM {left} AS l"
        padded = rng.randrange(2) == 1
        joined = ("LEFT JOIN LATERAL", " ON TRUE", "LEFT JOIN") if padded else (", LATERAL", "", "JOIN")
        shown = rng.choice(["r.b + 1", "r.s", "l.c + r.c", "r.c"])
        if kind == 1:
            condition = tie + more + rng.choice(["", " AND r.c > l.c", " AND r.b <> l.b"])
            ours = (f"SELECT l.a AS a, l.c AS c, r.x AS x FROM {left} AS l {joined[0]} "
                    f"(SELECT {shown} AS x FROM {right} AS r WHERE {condition}) AS r{joined[1]}")
            return ours, f"SELECT l.a AS a, l.c AS c, {shown} AS x FROM {left} AS l {joined[2]} {right} AS r ON {condition}"
        shown = rng.choice(["r.b + 1", "r.s", "r.c"])
        order = ", ".join(f"r.{column}{rng.choice(['', ' DESC'])}" for column in rng.sample(COLUMNS, len(COLUMNS)))
        first, count = rng.choice([0, 0, 1]), rng.randrange(1, 4)
        limit = f"LIMIT {count}" + (f" OFFSET {first}" if first else "")
        ours = (f"SELECT l.a AS a, l.c AS c, r.x AS x FROM {left} AS l {joined[0]} "
                f"(SELECT {shown} AS x FROM {right} AS r WHERE {tie}{more} ORDER BY {order} {limit}) AS r{joined[1]}")
        key = tie.split(" = ")[0]
        numbered = (f"(SELECT r.*, ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY {order}) AS place FROM {right} AS r "
                    f"WHERE TRUE{more})")
        return ours, (f"SELECT l.a AS a, l.c AS c, {shown} AS x FROM {left} AS l {joined[2]} {numbered} AS r "
                      f"ON {tie} AND r.place > {first} AND r.place <= {first + count}")

    def query(self):
        rng = self.rng
        if rng.randrange(4) == 0:
            return rng.choice([self.set_operation, self.grouping_sets, self.conditions, self.lateral])()
        if rng.randrange(3) == 0:
            return self.join()
        if rng.randrange(8) == 0:
            return self.values()
        shape = rng.randrange(8)
        source = self.source()
        where = f" WHERE {self.condition()}" if rng.randrange(2) else ""
        if shape == 0:
            return f"SELECT {self.number()} AS x, s AS y FROM {source} AS q{where}"
        if shape == 6:
            return self.top(source + " AS q" + where)
        if shape == 7:
            return self.over(source + " AS q" + where)
        keys = rng.sample(COLUMNS, rng.randrange(0, 3))
        select = [f"{key} AS k{i}" for i, key in enumerate(keys)]
        select += [f"{self.aggregate()} AS v{i}" for i in range(rng.randrange(1, 4))]
        query = f"SELECT {', '.join(select)} FROM {source} AS q{where}"
        if keys:
            query += f" GROUP BY {', '.join(keys)}"
            query += " HAVING COUNT(*) > 1" if rng.randrange(3) == 0 else ""
        if shape in (1, 2):
            largest = "k0" if keys else "v0"
            return f"SELECT v0 AS g, COUNT(*) AS n, MAX({largest}) AS m FROM ({query}) AS z GROUP BY v0"
        return query

    def file(self, queries):
        text = ""
        lite, duck = sqlite3.connect(":memory:"), Duck()
        for name, sizes in (("t", [0, 1, 30, 200]), ("u", [0, 5, 60])):
            rows = [self.row() for _ in range(self.rng.choice(sizes))]
            lite.execute(f"CREATE TABLE {name} (a, b, s, c)")
            lite.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", rows)
            duck.create(name, "a BIGINT, b BIGINT, s VARCHAR, c BIGINT", rows)
            text += file_block(f"{name}.json", [dict(zip(COLUMNS, row)) for row in rows])
            text += table_block(name, "a BIGINT, b BIGINT, s STRING, c BIGINT")
        for _ in range(queries):
            query = self.query()
            ours, theirs = query if isinstance(query, tuple) else (query, query)
            rows = lite.execute(theirs).fetchall()
            others = duck.answer(theirs)
            if sorted(map(str_of, rows)) != sorted(map(str_of, others)):
                raise SystemExit(f"SQLite and DuckDB do not agree on: {theirs}\n{rows}\n{others}")
            text += query_block(ours, rows)
        return text


def str_of(row):
    return "|".join(cell(value) for value in row)
