"""Reads {"file": ...} with pyarrow and with DuckDB: types, rows (of floats the bits) and metadata, as JSON."""

import json
import struct
import sys

import duckdb
import pyarrow.parquet as parquet


def plain(value):
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def rows_of(columns, rows):
    return [{name: plain(value) for name, value in zip(columns, row)} for row in rows]


question = json.load(sys.stdin)
file = parquet.ParquetFile(question["file"])
table = file.read()
relation = duckdb.connect().from_parquet(question["file"])
json.dump(
    {
        "types": {field.name: str(field.type) for field in table.schema},
        "nullable": [field.name for field in table.schema if field.nullable],
        "metadata": json.loads(table.schema.metadata[b"twinbridge"]),
        "createdBy": file.metadata.created_by,
        "groups": [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)],
        "arrow": rows_of(table.column_names, zip(*(column.to_pylist() for column in table.columns))),
        "duckdb": rows_of(relation.columns, relation.fetchall()),
        "duckdbTypes": dict(zip(relation.columns, map(str, relation.types))),
    },
    sys.stdout,
)
