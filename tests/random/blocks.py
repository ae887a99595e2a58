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


def new_duckdb():
    """NULL is less than everything, as in Millrace and in SQLite: first when ascending, last when descending."""
    duck = duckdb.connect()
    duck.execute("SET default_null_order = 'nulls_first_on_asc_last_on_desc'")
    duck.execute("SET threads = 1")
    return duck
