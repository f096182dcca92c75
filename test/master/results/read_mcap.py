"""Reads {"file": ...} with the MCAP package for Python, by its index: summary, metadata and messages, as JSON."""

import json
import sys

from mcap.reader import make_reader

question = json.load(sys.stdin)
with open(question["file"], "rb") as stream:
    reader = make_reader(stream, validate_crcs=True)
    summary = reader.get_summary()
    json.dump(
        {
            "header": reader.get_header().library,
            "messages": [
                [channel.topic, message.log_time, json.loads(message.data)]
                for _, channel, message in reader.iter_messages()
            ],
            "schemas": {schema.name: json.loads(schema.data) for schema in summary.schemas.values()},
            "encodings": sorted({schema.encoding for schema in summary.schemas.values()}),
            "compression": sorted({chunk.compression for chunk in summary.chunk_indexes}),
            "count": summary.statistics.message_count,
            "metadata": {record.name: record.metadata for record in reader.iter_metadata()},
        },
        sys.stdout,
    )
