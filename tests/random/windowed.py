"""Window aggregations, answered by the definition of the windows, row by row."""
import datetime

from blocks import file_block, query_block, table_block

EPOCH = datetime.datetime(1970, 1, 1)
BASE_MS = int((datetime.datetime(2026, 3, 1) - EPOCH).total_seconds() * 1000)


class Windowed:
    """TUMBLE, HOP and CUMULATE over rows that come out of order but in time; fused or not, and windows over windows."""

    def __init__(self, rng):
        self.rng = rng

    @staticmethod
    def text_of(millis):
        time = EPOCH + datetime.timedelta(milliseconds=millis)
        return time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    def rows(self):
        rng = self.rng
        now = BASE_MS
        rows = []
        for _ in range(rng.choice([0, 1, 20, 150])):
            now += rng.randrange(0, 1500)
            key = rng.choice(["x", "y", None, "a key that is rather long"])
            rows.append((now - rng.randrange(0, 4000), key, rng.choice([None, 1, 2, 3, 50])))
        return rows

    @staticmethod
    def windows_of(kind, time, size, step):
        if kind == "CUMULATE":
            start = time // size * size
            return [(start, end) for end in range(start + step, start + size + 1, step) if time < end]
        last = time // step * step
        return [(start, start + size) for start in range(last, last - size, -step) if start <= time < start + size]

    def block(self, rows):
        rng = self.rng
        kind = rng.choice(["TUMBLE", "HOP", "CUMULATE"])
        step_s = rng.choice([1, 2, 5, 10])
        size_s = step_s * rng.choice([1, 2, 3, 6])
        size = f"INTERVAL '{size_s}' SECOND"
        if kind == "TUMBLE":
            step_s = size_s
            lengths = size
        else:
            lengths = f"INTERVAL '{step_s}' SECOND, {size}"
        function = f"TABLE({kind}(TABLE e, DESCRIPTOR(ts), {lengths}))"
        by_key = rng.randrange(2) == 1
        above_one = rng.randrange(3) == 1
        near_start = rng.randrange(3) == 0  # a filter that reads the window
        over_windows = rng.randrange(4) == 0
        if over_windows:
            by_key, above_one, near_start = True, False, False
        groups = {}
        for time, key, value in rows:
            if above_one and (value is None or value <= 1):
                continue
            for window in self.windows_of(kind, time, size_s * 1000, step_s * 1000):
                if near_start and time >= window[0] + 700:
                    continue
                groups.setdefault((window, key if by_key else None), []).append(value)
        if over_windows:
            windows = {}
            for (window, _), values in groups.items():
                windows.setdefault(window, []).append(len(values))
            inner = f"SELECT window_start AS ws, window_end AS we, k, COUNT(*) AS n FROM {function} " \
                    "GROUP BY window_start, window_end, k"
            return query_block(f"SELECT ws, MAX(n), COUNT(*) FROM ({inner}) GROUP BY ws, we",
                               [(self.text_of(window[0]), max(counts), len(counts)) for window, counts in windows.items()])
        keys = "window_start, window_end" + (", k" if by_key else "")
        conditions = (["v > 1"] if above_one else []) + \
                     (["ts < window_start + INTERVAL '0.700' SECOND"] if near_start else [])
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        answer = []
        for (window, key), values in groups.items():
            there = [value for value in values if value is not None]
            answer.append([self.text_of(window[0]), self.text_of(window[1])] + ([key] if by_key else []) +
                          [len(values), sum(there) if there else None, min(there, default=None), len(set(there))])
        return query_block(f"SELECT {keys}, COUNT(*), SUM(v), MIN(v), COUNT(DISTINCT v) FROM {function}{where} "
                           f"GROUP BY {keys}", answer)

    def file(self, queries):
        rows = self.rows()
        text = file_block("e.json", [{"k": key, "v": value, "ts": self.text_of(time)} for time, key, value in rows])
        text += table_block("e", "k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND")
        for _ in range(queries):
            text += self.block(rows)
        return text
