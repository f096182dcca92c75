/** `twinbridge init`: a first bridge.yaml from recorded messages. */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import {
  formatBridgeYaml,
  type InferOptions,
  inferBridge,
  readJsonLinesSamples,
  readJsonSample,
  type Sample,
  SampleError,
  type SampleField,
} from '../bridge/index.js';
import { type CsvRecord, CsvTokenizer, RecordingUnreadableError } from '../replay/index.js';
import { ExitCode, TwinbridgeError } from '../support/errors.js';

interface InitFlags {
  readonly from: string;
  readonly output: string;
  readonly delimiter?: string;
  readonly force?: true;
}

/** There is a file already where one is to be written. */
class OutputExistsError extends TwinbridgeError {
  override readonly code = 'TB_CLI_OUTPUT_EXISTS';
  override readonly exitCode: ExitCode = ExitCode.usage;
}

const EXAMPLES = `
Examples:
  from one message of the robot
    $ twinbridge init --from message.json
  from a recording that will be replayed, or one JSON message a line
    $ twinbridge init --from recording.csv -o bridge.yaml
    $ twinbridge init --from messages.jsonl -o bridge.yaml
  only look
    $ twinbridge init --from recording.csv -o -

From several messages come also proposals for maxage and lookahead.
Exit codes: 0 written; 2 the output exists; 3 the recording cannot be used.`;

export function registerInit(program: Command): void {
  program
    .command('init')
    .summary('write a first bridge.yaml')
    .description('Writes a commented bridge.yaml with the signals, types and times found in recorded messages.')
    .requiredOption('--from <file>', 'recorded messages: .json (one), .jsonl or .ndjson (one a line), .csv or .tsv')
    .option('-o, --output <file>', "the configuration; '-' for standard output", 'bridge.yaml')
    .option('--delimiter <character>', 'between the cells of a table; default: a comma, in .tsv a tab', parseDelimiter)
    .option('--force', 'replace the output if it exists')
    .addHelpText('after', EXAMPLES)
    .action(init);
}

async function init({ from, output, delimiter, force }: InitFlags): Promise<void> {
  const { samples, options } = open(from, delimiter);
  const yaml = formatBridgeYaml(await inferBridge(samples, options), options);
  if (output === '-') {
    process.stdout.write(yaml);
    return;
  }
  await writeFile(output, yaml, { flag: force ? 'w' : 'wx' }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw new OutputError(`cannot write ${output}: ${cause.message}`, { cause });
    throw new OutputExistsError(`${output} exists`, {
      remedy: 'name another with --output, or replace it with --force',
    });
  });
  process.stderr.write(`${output}: written; look through it, then: twinbridge build ${output}\n`);
}

class OutputError extends TwinbridgeError {
  override readonly code = 'TB_CLI_OUTPUT';
}

function open(file: string, delimiter: string | undefined): { samples: AsyncIterable<Sample>; options: InferOptions } {
  switch (extname(file).toLowerCase()) {
    case '.json':
      return { samples: readJsonSample(file), options: { file } };
    case '.jsonl':
    case '.ndjson':
      return { samples: readJsonLinesSamples(file), options: { file } };
    case '.tsv':
      return { samples: readTable(file, delimiter ?? '\t'), options: { file, replayedTimeKey: 'time' } };
    default:
      return { samples: readTable(file, delimiter ?? ','), options: { file, replayedTimeKey: 'time' } };
  }
}

/** The rows of a table as the messages that `twinbridge replay` would send of them. */
async function* readTable(file: string, delimiter: string): AsyncIterable<Sample> {
  const tokenizer = new CsvTokenizer({ file, delimiter });
  let header: CsvRecord | undefined;
  for await (const records of tokenize(file, tokenizer)) {
    for (const record of records) {
      if (header === undefined) header = checkHeader(file, record);
      else yield toSample(file, header, record);
    }
  }
}

async function* tokenize(file: string, tokenizer: CsvTokenizer): AsyncIterable<readonly CsvRecord[]> {
  try {
    for await (const chunk of createReadStream(file)) {
      yield tokenizer.push(chunk as Buffer);
      if (tokenizer.fault !== undefined) throw tokenizer.fault;
    }
  } catch (error) {
    throw error instanceof Error && 'syscall' in error
      ? new RecordingUnreadableError(file, error as NodeJS.ErrnoException)
      : error;
  }
  yield tokenizer.end();
  if (tokenizer.fault !== undefined) throw tokenizer.fault;
}

function checkHeader(file: string, record: CsvRecord): CsvRecord {
  const names = record.cells.map((cell) => cell.trim());
  const location = { file, line: record.line, column: 1 };
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new SampleError(`there are several columns '${twice}'`, { location });
  if (names.every((name) => name !== '' && !Number.isNaN(Number(name)))) {
    throw new SampleError('the first line must name the columns, and it holds numbers only', { location });
  }
  const separator = names.length === 1 ? /[;\t|]/.exec(names[0]!)?.[0] : undefined;
  if (separator !== undefined) {
    throw new SampleError('there is one column only', {
      location,
      remedy: `the cells seem to be separated otherwise: --delimiter '${separator}'`,
    });
  }
  return { ...record, cells: names };
}

function toSample(file: string, header: CsvRecord, { cells, line }: CsvRecord): Sample {
  const location = { file, line, column: 1 };
  if (cells.length !== header.cells.length) {
    throw new SampleError(`the row has ${cells.length} cells, the header ${header.cells.length}`, { location });
  }
  return { location, fields: cells.map((cell, index) => toField(header.cells[index]!, cell)) };
}

const NUMBER = /^[+-]?(?=\.?\d)(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?\d+)?$/;
/** As tables spell the numbers that JSON has no words for. */
const NOT_FINITE = /^[+-]?(?:nan|inf(?:inity)?)$/i;

/** Digits behind a leading zero (`007`) are a text: as a number they would lose the zero. */
function toField(name: string, cell: string): SampleField {
  const text = cell.trim();
  if (text === '') return { name, kind: 'null', text };
  if (NUMBER.test(text) || NOT_FINITE.test(text)) return { name, kind: 'number', text };
  if (/^(?:true|false)$/i.test(text)) return { name, kind: 'boolean', text };
  return { name, kind: 'string', text: cell };
}

function parseDelimiter(text: string): string {
  const character = text === '\\t' || text === 'tab' ? '\t' : text;
  if (character.length !== 1) throw new InvalidArgumentError("expected one character, or 'tab'.");
  return character;
}
