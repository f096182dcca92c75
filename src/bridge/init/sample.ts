/** What a first configuration is inferred from: recorded messages as fields with the text they were written in. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { InvalidInputError, type SourceLocation } from '../../support/errors.js';
import { type JsonKind, scanMembers, unquote } from '../json-scanner.js';

export interface SampleField {
  readonly name: string;
  readonly kind: JsonKind;
  /** Of a string its content, of everything else its text as written: `1.0` is no whole number, `1` is. */
  readonly text: string;
}

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
  const fault = scanMembers(text, (name, kind, start, end) => {
    fields.push({ name, kind, text: kind === 'string' ? unquote(text, start, end) : text.slice(start, end) });
  });
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
