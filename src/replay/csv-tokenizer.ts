/**
 * RFC 4180 without I/O: bytes are appended, records come out.
 *
 * Memory holds one chunk and the beginning of one record, whatever the size of the file. A record that has no quote
 * (nearly all of them) is found with `indexOf` and cut with `split`, which run at memory speed; only records with
 * quotes are walked cell by cell. Where a cell stands in the file is worked out when someone asks, from the record's
 * own text.
 *
 * Read more liberally than RFC 4180: LF as well as CRLF, a missing last line break, a byte order mark, blank lines
 * (they are no records).
 */
import type { SourceLocation } from '../support/errors.js';
import { RecordingSyntaxError } from './errors.js';
import { type DecodedText, Utf8Decoder } from './utf8-decoder.js';

export interface CsvRecord {
  /** Unquoted. */
  readonly cells: readonly string[];
  /** Line of its first character, from 1. */
  readonly line: number;
  /** As it stands in the file, without the last line break. */
  readonly text: string;
}

export interface CsvTokenizerOptions {
  /** Named in errors. */
  readonly file: string;
  /** One character; default `,`. */
  readonly delimiter?: string;
  /**
   * Longest record, in characters; default 1 MiB. It bounds the memory when a quote is never closed: without it the
   * rest of the file would be one cell.
   */
  readonly maxRecordLength?: number;
}

const DEFAULT_MAX_RECORD_LENGTH = 1 << 20;
const CARRIAGE_RETURN = 13;

export class CsvTokenizer {
  readonly #file: string;
  readonly #delimiter: string;
  readonly #maxRecordLength: number;
  readonly #decoder = new Utf8Decoder();
  /** From the beginning of the first record that is not complete. */
  #rest = '';
  #line = 1;
  #fault: RecordingSyntaxError | undefined;

  constructor(options: CsvTokenizerOptions) {
    this.#file = options.file;
    this.#delimiter = options.delimiter ?? ',';
    this.#maxRecordLength = options.maxRecordLength ?? DEFAULT_MAX_RECORD_LENGTH;
  }

  /**
   * Why no further record can be read. To be looked at after each {@link push} and {@link end}: these return the
   * records before the fault, so that where a replay stops does not depend on how the bytes were cut.
   */
  get fault(): RecordingSyntaxError | undefined {
    return this.#fault;
  }

  /** The records completed by `bytes`, which the caller may reuse. */
  push(bytes: Uint8Array): CsvRecord[] {
    return this.#advance(this.#decoder.push(bytes), false);
  }

  /** The last record, if the file does not end in a line break. */
  end(): CsvRecord[] {
    return this.#advance(this.#decoder.end(), true);
  }

  #advance(decoded: DecodedText, final: boolean): CsvRecord[] {
    const records: CsvRecord[] = [];
    if (this.#fault !== undefined) return records;
    this.#rest += decoded.text;
    this.#fault = this.#takeRecords(records, final && decoded.valid);
    if (!decoded.valid) {
      this.#fault ??= new RecordingSyntaxError(
        'a byte that is no UTF-8 text',
        locateIn(this.#file, this.#line, this.#rest, this.#rest.length),
        'save the file as UTF-8, uncompressed',
      );
    }
    return records;
  }

  /** Moves complete records from the text at hand to `records`; returns the fault that ended it, if one did. */
  #takeRecords(records: CsvRecord[], final: boolean): RecordingSyntaxError | undefined {
    const text = this.#rest;
    let start = 0;
    let quote = -1;
    let fault: RecordingSyntaxError | undefined;
    while (start < text.length) {
      if (quote < start) quote = orEnd(text.indexOf('"', start));
      const lineFeed = orEnd(text.indexOf('\n', start));
      if (lineFeed === Number.POSITIVE_INFINITY && !final) break;
      const record =
        quote < lineFeed
          ? readQuotedRecord(text, start, this.#delimiter, final)
          : readPlainRecord(text, start, Math.min(lineFeed, text.length), this.#delimiter);
      if (record === undefined) break;
      if (record.fault !== undefined) {
        fault = new RecordingSyntaxError(
          record.fault,
          locateIn(this.#file, this.#line, text.slice(start), record.end - start),
          'a cell with a quote in it stands in quotes, and the quote is written twice (RFC 4180)',
        );
        break;
      }
      if (record.end - start > this.#maxRecordLength) break;
      if (record.end > start) {
        records.push({ cells: record.cells, line: this.#line, text: text.slice(start, record.end) });
      }
      this.#line += quote < lineFeed ? count(text.slice(start, record.end), '\n') + 1 : 1;
      start = record.next;
    }
    this.#rest = text.slice(start);
    return fault ?? this.#checkRecordLength();
  }

  #checkRecordLength(): RecordingSyntaxError | undefined {
    // The rest may hold further records behind one that is too long; either way the first one is at fault.
    if (this.#rest.length <= this.#maxRecordLength) return undefined;
    return new RecordingSyntaxError(
      `a record of more than ${this.#maxRecordLength} characters`,
      { file: this.#file, line: this.#line, column: 1 },
      'look for a quote that is never closed',
    );
  }
}

/** Where cell `index` of a record begins (at its quote, if it has one); where the record ends, if it has fewer cells. */
export function locateCell(file: string, record: CsvRecord, index: number, delimiter = ','): SourceLocation {
  const { text } = record;
  let at = 0;
  for (let cell = 0; cell < index && at < text.length; cell++) {
    if (text[at] === '"') {
      at += 1;
      while (text[at] !== '"' || text[at + 1] === '"') at += text[at] === '"' ? 2 : 1;
    }
    const next = text.indexOf(delimiter, at);
    at = next === -1 ? text.length : next + 1;
  }
  return locateIn(file, record.line, text, at);
}

type ReadRecord =
  | { readonly cells: string[]; readonly end: number; readonly next: number; readonly fault?: undefined }
  /** `end` is the place of the fault. */
  | { readonly fault: string; readonly end: number };

function readPlainRecord(text: string, start: number, end: number, delimiter: string): ReadRecord {
  const stop = end > start && text.charCodeAt(end - 1) === CARRIAGE_RETURN ? end - 1 : end;
  return { cells: text.slice(start, stop).split(delimiter), end: stop, next: end + 1 };
}

/** One record from `start`; undefined when more text is needed to tell. */
function readQuotedRecord(text: string, start: number, delimiter: string, final: boolean): ReadRecord | undefined {
  const cells: string[] = [];
  let at = start;
  for (;;) {
    let after: number;
    if (text[at] === '"') {
      const close = closingQuote(text, at + 1);
      if (close === -1) return final ? { fault: 'a quote that is never closed', end: at } : undefined;
      cells.push(text.slice(at + 1, close).replaceAll('""', '"'));
      after = close + 1;
      if (after === text.length && !final) return undefined;
    } else {
      const lineFeed = orEnd(text.indexOf('\n', at));
      after = Math.min(orEnd(text.indexOf(delimiter, at)), lineFeed);
      if (after === Number.POSITIVE_INFINITY) {
        if (!final) return undefined;
        after = text.length;
      }
      if (after === lineFeed || after === text.length) {
        if (text.charCodeAt(after - 1) === CARRIAGE_RETURN && after > at) after -= 1;
      }
      const cell = text.slice(at, after);
      const quote = cell.indexOf('"');
      if (quote !== -1) return { fault: 'a quote inside a cell that is not quoted', end: at + quote };
      cells.push(cell);
    }
    if (text[after] === delimiter) {
      at = after + 1;
      if (at === text.length && !final) return undefined;
      continue;
    }
    if (after === text.length) return { cells, end: after, next: after };
    if (text[after] === '\n') return { cells, end: after, next: after + 1 };
    if (text[after] === '\r') {
      if (after + 1 === text.length) return final ? { cells, end: after, next: after + 1 } : undefined;
      if (text[after + 1] === '\n') return { cells, end: after, next: after + 2 };
    }
    return { fault: 'text after the closing quote of a cell', end: after };
  }
}

function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at !== -1 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

function locateIn(file: string, firstLine: number, text: string, offset: number): SourceLocation {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { file, line: firstLine + count(before, '\n'), column: offset - lineStart + 1 };
}

function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at !== -1; at = text.indexOf(character, at + 1)) found += 1;
  return found;
}

function orEnd(index: number): number {
  return index === -1 ? Number.POSITIVE_INFINITY : index;
}
