/**
 * From the text of a cell to JSON text, by the type of its column.
 *
 * A number goes out with the digits that stand in the file (`1.4220` stays `1.4220`, a 19-digit integer keeps its
 * last digit), rewritten only where JSON spells numbers more strictly (`+1`, `.5`, `5.`).
 */

export const COLUMN_TYPES = ['Real', 'Integer', 'Boolean', 'String'] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** Why a cell does not fit its column; stable words, used as counter labels. */
export type CellRejection = 'not_a_number' | 'not_finite' | 'not_an_integer' | 'not_a_boolean';

const JSON_INTEGER = /^-?(?:0|[1-9]\d*)$/;
// Without an exponent and this short, a number cannot leave the range of a double.
const JSON_FIXED_POINT = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const SURELY_FINITE_LENGTH = 300;

const NUMBER = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
/** How NumPy, pandas, MATLAB, C and Excel spell the numbers that JSON has no words for. */
const NOT_FINITE = /^[+-]?(?:nan|inf(?:inity)?|1\.#(?:ind|inf|qnan|snan))$/i;
const TRUE = /^true$/i;
const FALSE = /^false$/i;

/** JSON text of a cell that is not empty, or undefined where it does not fit: {@link cellRejection} says why. */
export function encodeCell(cell: string, type: ColumnType): string | undefined {
  switch (type) {
    case 'Real':
      if (cell.length < SURELY_FINITE_LENGTH && JSON_FIXED_POINT.test(cell)) return cell;
      return normalizeNumber(cell.trim());
    case 'Integer': {
      if (JSON_INTEGER.test(cell)) return cell;
      const trimmed = cell.trim();
      return /^[+-]?\d+$/.test(trimmed) ? normalizeNumber(trimmed) : undefined;
    }
    case 'Boolean': {
      const trimmed = cell.trim();
      if (TRUE.test(trimmed) || trimmed === '1') return 'true';
      return FALSE.test(trimmed) || trimmed === '0' ? 'false' : undefined;
    }
    case 'String':
      return JSON.stringify(cell);
  }
}

/** Why {@link encodeCell} refused; undefined for a String column, where every cell fits. */
export function cellRejection(cell: string, type: ColumnType): CellRejection | undefined {
  if (type === 'String') return undefined;
  if (type === 'Boolean') return 'not_a_boolean';
  const trimmed = cell.trim();
  const number = NUMBER.test(trimmed);
  if (NOT_FINITE.test(trimmed) || (number && !Number.isFinite(Number(trimmed)))) return 'not_finite';
  return type === 'Integer' && number ? 'not_an_integer' : 'not_a_number';
}

function normalizeNumber(text: string): string | undefined {
  const match = NUMBER.exec(text);
  if (match === null || !Number.isFinite(Number(text))) return undefined;
  const [, sign, whole = '', fraction = '', exponent] = match;
  const integer = whole.replace(/^0+(?=\d)/, '') || '0';
  return `${sign === '-' ? '-' : ''}${integer}${fraction && `.${fraction}`}${exponent === undefined ? '' : `e${exponent}`}`;
}

/**
 * The type of a column as far as its first cells tell; undefined while all of them are empty. Digits behind a leading
 * zero (`007`) are a String: as a number they would lose the zero.
 */
export function inferType(cell: string, before: ColumnType | undefined): ColumnType | undefined {
  const trimmed = cell.trim();
  if (trimmed === '' || before === 'String') return before;
  const type = typeOf(trimmed);
  if (before === undefined || before === type) return type;
  const numeric = before !== 'Boolean' && (type === 'Integer' || type === 'Real');
  return numeric ? 'Real' : 'String';
}

function typeOf(cell: string): ColumnType {
  if (/^[+-]?0\d/.test(cell)) return 'String';
  if (/^[+-]?\d+$/.test(cell)) return 'Integer';
  if (NUMBER.test(cell) || NOT_FINITE.test(cell)) return 'Real';
  return TRUE.test(cell) || FALSE.test(cell) ? 'Boolean' : 'String';
}
