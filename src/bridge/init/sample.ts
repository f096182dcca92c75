/** What a first configuration is inferred from: recorded messages as fields with the text they were written in. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { InvalidInputError, type SourceLocation } from '../../support/errors.js';
import { type JsonFault, type JsonKind, scanMembers, scanMessage, unquote } from '../json-scanner.js';

export interface SampleField {
  /** Of what lies in objects, the names on the way to it with points between. */
  readonly name: string;
  readonly kind: JsonKind;
  /** Of a string its content, of everything else its text as written: `1.0` is no whole number, `1` is. */
  readonly text: string;
  /** Where it stands, if that is not at the top under its name. */
  readonly path?: readonly string[];
  /** Of an array. */
  readonly elements?: readonly Pick<SampleField, 'kind' | 'text'>[];
}

/** Levels of objects that are looked into: what lies deeper is no signal by itself. */
const MOST_LEVELS = 8;

export interface Sample {
  readonly fields: readonly SampleField[];
  readonly location: SourceLocation;
}

/** The file holds nothing that a configuration can be inferred from. */
export class SampleError extends InvalidInputError {
  override readonly code = 'TB_INIT_SAMPLE';
}

/** A file that holds one JSON object, over as many lines as it likes. Throws {@link SampleError}. */
export async function* readJsonSample(file: string): AsyncIterable<Sample> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(file, cause);
  });
  yield toSample(text.replace(/^\ufeff/, ''), file, 1);
}

/** One JSON object a line; blank lines do not count. Throws {@link SampleError}. */
export async function* readJsonLinesSamples(file: string): AsyncIterable<Sample> {
  let line = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      if (text.trim() !== '') yield toSample(text.replace(/^\ufeff/, ''), file, line);
    }
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unreadable(file, error as NodeJS.ErrnoException) : error;
  }
}

function toSample(text: string, file: string, firstLine: number): Sample {
  const fields: SampleField[] = [];
  const fault = readFields(text, [], fields);
  if (fault === undefined) return { fields, location: { file, line: firstLine, column: 1 } };

  const before = text.slice(0, fault.position);
  const location = {
    file,
    line: firstLine + before.split('\n').length - 1,
    column: fault.position - before.lastIndexOf('\n'),
  };
  if (text.trim() === '') throw empty(file);
  if (fault.reason === 'not_an_object') {
    const isList = text.trimStart().startsWith('[');
    throw new SampleError(`a message is a JSON object, and this is ${isList ? 'a list' : 'none'}`, {
      location,
      ...(isList ? { remedy: "write one object a line (jq -c '.[]' does) and call the file .jsonl" } : {}),
    });
  }
  throw new SampleError(`this is no JSON: expected ${fault.expected}`, {
    location,
    ...(fault.expected.startsWith('nothing but')
      ? { remedy: 'if it holds one object a line, call the file .jsonl' }
      : {}),
  });
}

/** The members of an object, and those of the objects in it. */
function readFields(text: string, above: readonly string[], fields: SampleField[]): JsonFault | undefined {
  return scanMembers(text, (key, kind, start, end) => {
    const path = [...above, key];
    const written = text.slice(start, end);
    const field = { name: path.join('.'), kind, ...(above.length === 0 ? {} : { path }) };
    if (kind === 'object' && path.length < MOST_LEVELS && !/^\{\s*\}$/.test(written)) {
      readFields(written, path, fields);
    } else if (kind === 'array') {
      fields.push({ ...field, text: written, elements: readElements(written) });
    } else {
      fields.push({ ...field, text: kind === 'string' ? unquote(text, start, end) : written });
    }
  });
}

/** `text` is an array, checked before. */
function readElements(text: string): Pick<SampleField, 'kind' | 'text'>[] {
  const elements: Pick<SampleField, 'kind' | 'text'>[] = [];
  const wrapped = `{"":${text}}`;
  scanMessage(wrapped, (scanner, _key, _kind, open) =>
    scanner.elements(open, (_index, kind, start) => {
      const end = scanner.value(start);
      elements.push({ kind, text: kind === 'string' ? unquote(wrapped, start, end) : wrapped.slice(start, end) });
      return end;
    }),
  );
  return elements;
}

export function empty(file: string): SampleError {
  return new SampleError(`${file} holds no message`, {
    location: { file },
    remedy: 'give a recording with one at least',
  });
}

function unreadable(file: string, cause: NodeJS.ErrnoException): SampleError {
  const why = cause.code === 'ENOENT' ? 'no such file' : cause.code === 'EISDIR' ? 'it is a folder' : cause.message;
  return new SampleError(`cannot read ${file}: ${why}`, { cause, location: { file }, remedy: 'check the path' });
}
