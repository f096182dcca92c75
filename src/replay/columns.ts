/** Which columns of a table become which keys of the messages. */
import { didYouMean } from '../support/nearest.js';
import { COLUMN_TYPES, type ColumnType } from './cells.js';
import { ColumnError, ReplayOptionError } from './errors.js';

export interface ColumnChoice {
  readonly column: string;
  /** Key of the JSON member; the column's name if absent. */
  readonly key?: string;
}

/** `a,b` (columns under their own names) and `x:=a,y:=b` (key := column), freely mixed. */
export function parseColumns(text: string): ColumnChoice[] {
  return text.split(',').map((part) => {
    const [first = '', second, ...more] = part.split(':=').map((name) => name.trim());
    if (first === '' || second === '' || more.length > 0) {
      throw new ReplayOptionError(`--columns: '${part}' is neither a column nor key:=column`, {
        remedy: 'write for example --columns x:=tx,y:=ty,qw',
      });
    }
    return second === undefined ? { column: first } : { key: first, column: second };
  });
}

/** `x=Real,id=String`: types of columns by name. */
export function parseColumnTypes(text: string): Record<string, ColumnType> {
  const pairs = text.split(',').map((part): [string, ColumnType] => {
    const equals = part.lastIndexOf('=');
    const asked = part.slice(equals + 1).trim();
    const type = COLUMN_TYPES.find((known) => known === asked);
    if (equals <= 0 || type === undefined) {
      throw new ReplayOptionError(`--types: '${part}' is not column=type${didYouMean(asked, COLUMN_TYPES)}`, {
        remedy: `the types are ${COLUMN_TYPES.join(', ')}; write for example --types x=Real,id=String`,
      });
    }
    return [part.slice(0, equals).trim(), type];
  });
  return Object.fromEntries(pairs);
}

export interface Header {
  readonly file: string;
  readonly line: number;
  readonly names: readonly string[];
}

/** The place of a column in its table. Throws {@link ColumnError} if it is not there or there twice. */
export function findColumn(header: Header, name: string, remedy?: string): number {
  const index = header.names.indexOf(name);
  const location = { file: header.file, line: header.line };
  if (index === -1) {
    throw new ColumnError(`no column '${name}'${didYouMean(name, header.names)}`, {
      location,
      remedy: remedy ?? `the columns are ${header.names.join(', ')}`,
    });
  }
  if (header.names.indexOf(name, index + 1) !== -1) {
    throw new ColumnError(`there are several columns '${name}'`, { location, remedy: 'rename all but one' });
  }
  return index;
}

export const DEFAULT_TIME_COLUMNS: readonly string[] = ['timestamp', 'time'];

/** The time column asked for, or else the first default that is there; undefined only if `optional` and none is. */
export function findTimeColumn(header: Header, asked: string | undefined, optional: boolean): number | undefined {
  if (asked !== undefined) return findColumn(header, asked);
  const found = DEFAULT_TIME_COLUMNS.find((name) => header.names.includes(name));
  if (found === undefined && optional) return undefined;
  return findColumn(header, found ?? DEFAULT_TIME_COLUMNS[0]!, timeColumnRemedy(header.names));
}

function timeColumnRemedy(names: readonly string[]): string {
  const [only = ''] = names;
  const separator = names.length === 1 ? /[;\t|]/.exec(only)?.[0] : undefined;
  if (separator !== undefined) return `the cells seem to be separated otherwise: --delimiter '${separator}'`;
  if (names.every((name) => name !== '' && !Number.isNaN(Number(name)))) {
    return 'the first line must name the columns, and it holds numbers only';
  }
  return `name the column of times with --time-column, one of ${names.join(', ')}; or send at a fixed --interval`;
}
