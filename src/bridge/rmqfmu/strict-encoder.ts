/**
 * Messages with the bytes of RMQFMU, for peers that know them: booleans as 0 and 1, numbers with six significant digits.
 *
 *   {"bo":1,"i":-7,"r":3.14159,"s":"hi", "time":"2026-11-21T03:34:58.555+00:00", "simstep":"200.000000"}
 *
 * What RMQFMU wrote was no JSON where a text had a quote or a line's end in it, or a number was NaN or infinite. No peer
 * can have read that, so such texts are escaped and such numbers null here, too.
 */
import type { OutgoingRow } from '../../native/index.js';
import type { Encoder } from '../encoder.js';
import { stringAreas } from '../layout.js';
import type { Signal } from '../signals.js';

/** `inputs` by slot. */
export function createStrictEncoder(inputs: readonly Signal[]): Encoder {
  const areas = stringAreas(inputs);
  const fields = inputs
    .map(({ name, type }, slot) => ({ name, type, slot, offset: areas[slot]!.offset }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  let notFinite = 0;

  const written = (row: OutgoingRow, { slot, type, offset }: (typeof fields)[number]): string => {
    if (type === 'String') {
      return JSON.stringify(row.strings.toString('utf8', offset, offset + Number(row.integer[slot])));
    }
    if (type !== 'Real') return `${row.integer[slot]!}`;
    const value = row.real[slot]!;
    if (Number.isFinite(value)) return sixDigits(value);
    notFinite += 1;
    return 'null';
  };

  return {
    encode(row) {
      const mask = new Uint32Array(row.mask.buffer, row.mask.byteOffset);
      const members = fields
        .filter(({ slot }) => ((mask[slot >>> 5]! >>> (slot & 31)) & 1) === 1)
        .map((field) => `${JSON.stringify(field.name)}:${written(row, field)},`);
      const time = new Date(Number(row.doingNs / 1_000_000n)).toISOString().slice(0, -1);
      const simstep = (row.stepEnd * 1000).toFixed(6);
      return Buffer.from(`{${members.join('')} "time":"${time}+00:00", "simstep":"${simstep}"}`);
    },
    get notFinite() {
      return notFinite;
    },
  };
}

/** As C's `%g`: six significant digits, no zeros at the end, an exponent below -4 and from 6 on. */
export function sixDigits(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa = '', power = '0'] = value.toExponential(5).split('e');
  const exponent = Number(power);
  const bare = (digits: string) => (digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits);
  if (exponent >= -4 && exponent < 6) return bare(value.toFixed(5 - exponent));
  return `${bare(mantissa)}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** What RMQFMU says once it listens, with its blank. */
export const STRICT_ANNOUNCEMENT =
  '{"internal_status":"ready", "internal_message":"waiting for input data for simulation"}';
