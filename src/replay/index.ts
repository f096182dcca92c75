/** Replaying recordings: a source of timed rows, a player that keeps their pace, a sink that takes their messages. */
export { AmqpSink, type AmqpTarget } from './amqp-sink.js';
export { type CellRejection, COLUMN_TYPES, type ColumnType } from './cells.js';
export { type ReplayClock, systemClock } from './clock.js';
export { type ColumnChoice, parseColumns, parseColumnTypes } from './columns.js';
export { type CsvSourceOptions, csvSource } from './csv-source.js';
export { type CsvRecord, CsvTokenizer, type CsvTokenizerOptions, locateCell } from './csv-tokenizer.js';
export * from './errors.js';
export { type JsonLinesSourceOptions, jsonLinesSource } from './jsonl-source.js';
export { LinesSink } from './lines-sink.js';
export { openRecording, RECORDING_FORMATS, type RecordingFormat, type RecordingOptions } from './open-recording.js';
export { Player, type PlayerOptions } from './player.js';
export { type ReplayFileOptions, replayFile } from './replay-file.js';
export { formatReport, type ReplayReport } from './report.js';
export type { Sink, SinkCounts } from './sink.js';
export { type BadRowPolicy, type RecordedRow, type ReplaySource, SourceLog, type SourceLogOptions } from './source.js';
export { parseSeconds, parseTimeBound, type TimeBound } from './time-window.js';
