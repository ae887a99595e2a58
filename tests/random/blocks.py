"""What a .test file is made of."""
import json

import duckdb


def cell(value):
    return "NULL" if value is None else str(value)


def query_block(sql, rows):
    return "query\n" + sql + ";\n----\n" + "".join("|".join(cell(value) for value in row) + "\n" for row in rows) + "\n"


def file_block(name, records):
    return f"file {name}\n" + "".join(json.dumps(record) + "\n" for record in records) + "\n"


def table_block(name, columns):
    return (f"statement\nCREATE TABLE {name} ({columns})\n"
            f"WITH ('connector' = 'filesystem', 'path' = '${{dir}}/{name}.json', 'format' = 'json');\n\n")


class Duck:
    """DuckDB, in memory. NULL is less than everything, as in Millrace and in SQLite: first when ascending, last when descending."""

    def __init__(self):
        self.connection = duckdb.connect()
        self.connection.execute("SET default_null_order = 'nulls_first_on_asc_last_on_desc'")
        self.connection.execute("SET threads = 1")

    def create(self, name, columns, rows):
        self.connection.execute(f"CREATE TABLE {name} ({columns})")
        if rows:
            self.connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' for _ in rows[0])})", rows)

    def answer(self, query):
        try:
            return self.connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise SystemExit(f"DuckDB does not take: {query}\n{error}") from error
