"""Windows over time, answered by DuckDB: there a window is arithmetic on milliseconds."""
from blocks import Duck, file_block, query_block, table_block
from windowed import BASE_MS, Windowed

NAMES = ["id", "k", "v", "ts"]


def stamp(milliseconds):
    """The text of a time in milliseconds, for DuckDB."""
    return f"strftime(make_timestamp(CAST({milliseconds} AS BIGINT) * 1000), '%Y-%m-%d %H:%M:%S.%g')"


class Timed:
    """Aggregates, joins, ranks and numbers by window; sessions; OVER by time; joins within an interval."""

    def __init__(self, rng):
        self.rng = rng

    def rows(self):
        """Out of order by less than the watermark's delay. No two rows have the same id."""
        rng, now, rows = self.rng, BASE_MS, []
        for number in range(rng.choice([0, 1, 25, 120])):
            now += rng.randrange(0, 1500)
            rows.append((number, rng.choice(["x", "y", None, "a key that is rather long"]), rng.choice([None, 1, 2, 3, 50, -7]),
                         now - rng.randrange(0, 4000)))
        return rows

    def window(self, table):
        """A window function over `table`, and the rows with their windows, as ws and we, for DuckDB."""
        rng = self.rng
        kind = rng.choice(["TUMBLE", "HOP", "CUMULATE"])
        step = rng.choice([1, 2, 5, 10]) * 1000
        size = step * (1 if kind == "TUMBLE" else rng.choice([1, 2, 3, 6]))
        offset = rng.choice([0, 0, 0, 500]) if kind == "TUMBLE" else 0
        lengths = [size] if kind == "TUMBLE" else [step, size]
        written = ", ".join(f"INTERVAL '{length // 1000}' SECOND" for length in lengths)
        written += f", INTERVAL '0.{offset:03}' SECOND" if offset else ""
        ours = f"TABLE({kind}(TABLE {table}, DESCRIPTOR(ts), {written}))"
        if kind == "CUMULATE":
            # Of the rows' large window, each end that is behind the row.
            theirs = (f"SELECT *, ts // {size} * {size} AS ws, ts // {size} * {size} + unnest(range({step}, {size + 1}, {step})) AS we "
                      f"FROM {table}")
            theirs = f"(SELECT * FROM ({theirs}) WHERE ts < we)"
        else:
            start = f"(ts - {offset}) // {step} * {step} + {offset} - unnest(range(0, {size}, {step}))"
            theirs = f"(SELECT *, {start} AS ws, {start} + {size} AS we FROM {table})"
            theirs = f"(SELECT * FROM {theirs} WHERE ts < we)"
        return ours, theirs

    def condition(self, prefix=""):
        return self.rng.choice([f"{prefix}v > 1", f"{prefix}k = 'x'", f"{prefix}v IS NOT NULL", f"{prefix}k IS NULL OR {prefix}v < 3"])

    def calls(self):
        return self.rng.sample(["COUNT(*)", "SUM(v)", "MIN(v)", "MAX(id)", "COUNT(DISTINCT v)", "COUNT(k)", "COUNT(*) FILTER (WHERE v > 1)",
                                "SUM(DISTINCT v)"], 2)

    def aggregate(self):
        rng = self.rng
        ours, theirs = self.window("e")
        key = rng.choice(["", "k", "v"])
        where = f" WHERE {self.condition()}" if rng.randrange(2) else ""
        having = rng.choice(["", "", " HAVING COUNT(*) > 1"])
        calls = ", ".join(f"{call} AS c{i}" for i, call in enumerate(self.calls()))
        keys = f", {key}" if key else ""
        return (f"SELECT window_start, window_end{keys}, {calls} FROM {ours}{where} GROUP BY window_start, window_end{keys}{having}",
                f"SELECT {stamp('ws')} AS x, {stamp('we')} AS y{keys}, {calls} FROM {theirs}{where} GROUP BY ws, we{keys}{having}")

    def grouping_sets(self):
        ours, theirs = self.window("e")
        sets = self.rng.choice(["ROLLUP (k, v)", "CUBE (k, v)", "GROUPING SETS ((k), (v), ())"])
        call = self.calls()[0]
        plain = sets.replace("()", "(ws)") if "SETS" in sets else sets
        return (f"SELECT window_start, k, v, {call} AS c FROM {ours} GROUP BY window_start, window_end, {sets}",
                f"SELECT {stamp('ws')} AS x, k, v, {call} AS c FROM {theirs} GROUP BY ws, we, {plain}")

    def join(self):
        """Window joins of every sort: windows of the same kind on both sides."""
        rng = self.rng
        ours, theirs = self.window("e")
        right_ours, right_theirs = (text.replace("TABLE e", "TABLE f").replace("FROM e", "FROM f") for text in (ours, theirs))
        condition = f"l.k = r.k{rng.choice(['', ' AND l.v < r.v', ' AND l.id <> r.id'])}"
        same_ours = "l.window_start = r.window_start AND l.window_end = r.window_end"
        same_theirs = "l.ws = r.ws AND l.we = r.we"
        if rng.randrange(4) == 0:
            test = rng.choice(["EXISTS", "NOT EXISTS"])
            return (f"SELECT l.window_end, l.id FROM {ours} AS l WHERE {test} (SELECT 1 FROM {right_ours} AS r WHERE {same_ours} AND {condition})",
                    f"SELECT {stamp('l.we')}, l.id FROM {theirs} AS l WHERE {test} (SELECT 1 FROM {right_theirs} AS r "
                    f"WHERE {same_theirs} AND {condition})")
        sort = rng.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        return (f"SELECT l.id AS a, r.id AS b, l.window_start AS c FROM {ours} AS l {sort} {right_ours} AS r ON {same_ours} AND {condition}",
                f"SELECT l.id AS a, r.id AS b, {stamp('l.ws')} AS c FROM {theirs} AS l {sort} {right_theirs} AS r "
                f"ON {same_theirs} AND {condition}")

    def rank(self):
        """The first rows of each window, of rows or of groups."""
        rng = self.rng
        ours, theirs = self.window("e")
        by_key = rng.choice([", k", ""])
        limit = rng.choice(["rn <= 2", "rn = 1", "rn <= 3"])
        if rng.randrange(2):
            order = rng.choice(["v DESC, id", "ts, id DESC", "id DESC"])
            return (f"SELECT window_start, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end{by_key} "
                    f"ORDER BY {order}) AS rn FROM {ours}) WHERE {limit}",
                    f"SELECT {stamp('ws')}, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY ws, we{by_key} "
                    f"ORDER BY {order}) AS rn FROM {theirs}) WHERE {limit}")
        order = "n DESC, k"
        return (f"SELECT window_end, k, n, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY {order}) AS rn "
                f"FROM (SELECT window_start, window_end, k, COUNT(*) AS n FROM {ours} GROUP BY window_start, window_end, k)) WHERE {limit}",
                f"SELECT {stamp('we')}, k, n, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY ws, we ORDER BY {order}) AS rn "
                f"FROM (SELECT ws, we, k, COUNT(*) AS n FROM {theirs} GROUP BY ws, we, k)) WHERE {limit}")

    def nested(self):
        """Windows over what windows gave: by the inner window's own time, into larger ones."""
        rng = self.rng
        inner, factor = rng.choice([1, 2, 5]), rng.choice([2, 4])
        outer = inner * factor
        key = rng.choice(["k, ", ""])
        ours = (f"SELECT {key}window_time AS rt, COUNT(*) AS n, SUM(v) AS s FROM TABLE(TUMBLE(TABLE e, DESCRIPTOR(ts), INTERVAL '{inner}' SECOND)) "
                f"GROUP BY {key}window_start, window_end, window_time")
        small, large = inner * 1000, outer * 1000
        theirs = f"SELECT {key}ts // {small} * {small} AS ws, COUNT(*) AS n, SUM(v) AS s FROM e GROUP BY {key}ws"
        return (f"SELECT {key}window_start, SUM(n) AS a, MAX(s) AS b FROM TABLE(TUMBLE((SELECT * FROM ({ours})), DESCRIPTOR(rt), "
                f"INTERVAL '{outer}' SECOND)) GROUP BY {key}window_start, window_end",
                f"SELECT {key}{stamp(f'(ws // {large} * {large})')} AS x, SUM(n) AS a, MAX(s) AS b FROM ({theirs}) "
                f"GROUP BY {key}ws // {large} * {large}")

    def session(self):
        """A session ends where the next row of its key is not within the gap, which itself still is."""
        rng = self.rng
        gap = rng.choice([500, 1000, 2000, 5000])
        interval = f"INTERVAL '{gap // 1000}.{gap % 1000:03}' SECOND"
        calls = ", ".join(f"{call} AS c{i}" for i, call in enumerate(self.calls()))
        key = rng.choice(["k", "k", None])
        over = (f"PARTITION BY {key} " if key else "") + "ORDER BY ts"
        begins = f"SELECT *, CASE WHEN ts - LAG(ts) OVER ({over}) <= {gap} THEN 0 ELSE 1 END AS first FROM e"
        numbered = f"SELECT *, SUM(first) OVER ({over} RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS session FROM ({begins})"
        keys = f"{key}, " if key else ""
        theirs = (f"SELECT {keys}{stamp('MIN(ts)')} AS x, {stamp(f'(MAX(ts) + {gap})')} AS y, {calls} FROM ({numbered}) "
                  f"GROUP BY {keys}session")
        if rng.randrange(2):
            partition = f" PARTITION BY {key}" if key else ""
            return (f"SELECT {keys}window_start, window_end, {calls} FROM TABLE(SESSION(TABLE e{partition}, DESCRIPTOR(ts), {interval})) "
                    f"GROUP BY {keys}window_start, window_end", theirs)
        return (f"SELECT {keys}SESSION_START(ts, {interval}), SESSION_END(ts, {interval}), {calls} FROM e "
                f"GROUP BY {keys}SESSION(ts, {interval})", theirs)

    def over(self):
        """Running values by time: of a range of it or of rows; rows of one time come together in a range."""
        rng = self.rng
        partition = rng.choice(["PARTITION BY k ", ""])
        seconds = rng.choice([1, 3, 10])
        ours, theirs = rng.choice([
            ("", ""),
            (f" RANGE BETWEEN INTERVAL '{seconds}' SECOND PRECEDING AND CURRENT ROW", f" RANGE BETWEEN {seconds * 1000} PRECEDING AND CURRENT ROW"),
            (" RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",) * 2,
        ])
        calls = rng.sample(["COUNT(*)", "SUM(v)", "MIN(v)", "MAX(id)", "COUNT(v)", "COUNT(DISTINCT v)"], 2)
        return tuple("SELECT id, " + ", ".join(f"{call} OVER ({partition}ORDER BY ts{frame}) AS c{i}" for i, call in enumerate(calls))
                     + " FROM e" for frame in (ours, theirs))

    def interval_join(self):
        rng = self.rng
        before, after = rng.choice([0, 1, 3]), rng.choice([0, 2, 5])
        sort = rng.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        more = rng.choice(["", " AND l.v <> r.v", " AND l.id < r.id"])
        form = f"SELECT l.id AS a, r.id AS b FROM e AS l {sort} f AS r ON l.k = r.k{more} AND l.ts BETWEEN r.ts - {{}} AND r.ts + {{}}"
        return (form.format(*(f"INTERVAL '{seconds}' SECOND" for seconds in (before, after))),
                form.format(before * 1000, after * 1000))

    def query(self):
        return self.rng.choice([self.aggregate, self.aggregate, self.grouping_sets, self.join, self.rank, self.nested, self.session, self.over,
                                self.interval_join])()

    def file(self, queries):
        text, duck = "", Duck()
        for name in ("e", "f"):
            rows = self.rows()
            duck.create(name, "id BIGINT, k VARCHAR, v BIGINT, ts BIGINT", rows)
            text += file_block(f"{name}.json", [dict(zip(NAMES, [*row[:3], Windowed.text_of(row[3])])) for row in rows])
            text += table_block(name, "id BIGINT, k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND")
        for _ in range(queries):
            ours, theirs = self.query()
            text += query_block(ours, duck.answer(theirs))
        return text
