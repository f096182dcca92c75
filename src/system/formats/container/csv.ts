/** Container descriptions in CSV: `rule;from_fmu;from_port;to_fmu;to_port`, a rule a line. */
import { basename, extname } from 'node:path';
import { InvalidFileError, type Problem, type SourceLocation } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import { readInput } from '../../../support/read-input.js';
import { DescriptionBuilder } from './builder.js';
import type { ContainerOptions, ReadDescription } from './description.js';

const HEADINGS = ['rule', 'from_fmu', 'from_port', 'to_fmu', 'to_port'] as const;

interface Cell {
  readonly text: string;
  readonly location: SourceLocation;
}

/** Throws `InvalidInputError` if the file cannot be read, {@link InvalidFileError} if it has not the headings. */
export async function readContainerCsv(file: string, options: ContainerOptions = {}): Promise<ReadDescription> {
  return parseContainerCsv(file, String(await readInput(file)), options);
}

/** {@link readContainerCsv} for text at hand. */
export function parseContainerCsv(file: string, text: string, options: ContainerOptions = {}): ReadDescription {
  const problems: Problem[] = [];
  const [head, ...rows] = readRows(file, text, problems);
  const headings = (head ?? []).map((cell) => cell.text.trim().toLowerCase());
  if (headings.join(';') !== HEADINGS.join(';')) {
    const message = `the first line must be ${HEADINGS.join(';')}`;
    throw new InvalidFileError(file, [{ message, location: head?.[0]?.location ?? { file, line: 1, column: 1 } }]);
  }
  const name = `${basename(file, extname(file))}.fmu`;
  const builder = new DescriptionBuilder(file, { file, line: 1, column: 1 }, name, options);
  for (const row of rows) applyRule(row, builder, problems);
  return { description: builder.finish(), problems };
}

function applyRule(row: readonly Cell[], builder: DescriptionBuilder, problems: Problem[]): void {
  const [rule, fromFmu, fromPort, toFmu, toPort] = row;
  const { location } = row[0]!;
  if (
    rule === undefined ||
    fromFmu === undefined ||
    fromPort === undefined ||
    toFmu === undefined ||
    toPort === undefined ||
    row.length > 5
  ) {
    problems.push({ message: `a rule has 5 cells, this has ${row.length}`, location });
    return;
  }
  const word = rule.text.trim().toUpperCase();
  const needs = NEEDED[word];
  if (needs === undefined) {
    const message = `unknown rule '${rule.text}'${didYouMean(word, Object.keys(NEEDED))}`;
    problems.push({ message, location, remedy: `rules are ${Object.keys(NEEDED).join(', ')}` });
    return;
  }
  const missing = needs.filter((column) => row[column]!.text === '');
  for (const column of missing) {
    problems.push({ message: `${word} needs ${HEADINGS[column]}`, location: row[column]!.location });
  }
  if (missing.length > 0) return;
  const from = { owner: fromFmu.text, port: fromPort.text, location: fromPort.location };
  const to = { owner: toFmu.text, port: toPort.text, location: toPort.location };
  switch (word) {
    case 'FMU':
      builder.fmu(fromFmu.text, fromFmu.location);
      break;
    case 'INPUT':
      builder.input({ exposed: fromPort.text || toPort.text, target: to });
      break;
    case 'OUTPUT':
      builder.output({ source: from, exposed: toPort.text || fromPort.text });
      break;
    case 'LINK':
      builder.link({ from, to });
      break;
    case 'DROP':
      builder.drop(from);
      break;
    default:
      builder.start({ target: from, value: toFmu.text, valueLocation: toFmu.location });
  }
}

/** Columns that a rule needs. */
const NEEDED: Readonly<Record<string, readonly (1 | 2 | 3 | 4)[]>> = {
  FMU: [1],
  INPUT: [3, 4],
  OUTPUT: [1, 2],
  LINK: [1, 2, 3, 4],
  DROP: [1, 2],
  START: [1, 2, 3],
};

/** Rows of cells parted by `;`, which may stand in double quotes; without empty lines and those that begin with `#`. */
function readRows(file: string, text: string, problems: Problem[]): Cell[][] {
  const rows: Cell[][] = [];
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let line = 1;
  let lineStart = at;
  while (at < text.length) {
    const isComment = text[at] === '#';
    const row: Cell[] = [];
    for (;;) {
      const location = { file, line, column: at - lineStart + 1 };
      let cell = '';
      let quoted = false;
      while (at < text.length && (quoted || !/[;\r\n]/.test(text[at]!))) {
        const character = text[at]!;
        if (character === '"' && !isComment) {
          if (quoted && text[at + 1] === '"') {
            cell += '"';
            at += 1;
          } else if (quoted || cell === '') quoted = !quoted;
          else cell += character;
        } else {
          cell += character;
          if (character === '\n') {
            line += 1;
            lineStart = at + 1;
          }
        }
        at += 1;
      }
      if (quoted) problems.push({ message: 'a quote that is never closed', location });
      row.push({ text: cell, location });
      if (text[at] !== ';') break;
      at += 1;
    }
    if (!isComment && (row.length > 1 || row[0]!.text !== '')) rows.push(row);
    if (text[at] === '\r') at += 1;
    if (text[at] === '\n') at += 1;
    line += 1;
    lineStart = at;
  }
  return rows;
}
