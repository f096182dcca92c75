/**
 * From changed inputs to the body of a message:
 *
 *   {"bo":true,"i":-7,"r":3.14159,"s":"hi","time":"2026-11-21T03:34:58.555+00:00","simstep":"200.000000"}
 *
 * Inputs in the order of their names; `time` is the wall clock of the step in UTC, `simstep` the end of the step in ms.
 * Numbers are written with as few digits as read back to the same double. JSON has no word for NaN and the infinities:
 * they become `null`, which a receiver can tell from a value, and are counted.
 */
import type { OutgoingRow } from '../native/index.js';
import { stringAreas } from './layout.js';
import type { Signal } from './signals.js';

export interface Encoder {
  /** The body; the row is not kept. */
  encode(row: OutgoingRow): Buffer;
  /** NaN and infinite values that were sent as `null` so far. */
  readonly notFinite: number;
}

/** `inputs` by slot. */
export function createEncoder(inputs: readonly Signal[]): Encoder {
  const areas = stringAreas(inputs);
  // Everything that is the same in each message is text from the start.
  const fields = inputs
    .map(({ name, type }, slot) => ({
      name,
      type,
      slot,
      prefix: `${JSON.stringify(name)}:`,
      offset: areas[slot]!.offset,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  let notFinite = 0;

  const readValue = (row: OutgoingRow, field: (typeof fields)[number]): string => {
    const { slot, type, offset } = field;
    switch (type) {
      case 'Real': {
        const value = row.real[slot]!;
        if (!Number.isFinite(value)) {
          notFinite += 1;
          return 'null';
        }
        return Object.is(value, -0) ? '-0' : `${value}`;
      }
      case 'Integer':
        return `${row.integer[slot]!}`;
      case 'Boolean':
        return row.integer[slot] === 0n ? 'false' : 'true';
      case 'String':
        return JSON.stringify(row.strings.toString('utf8', offset, offset + Number(row.integer[slot])));
    }
  };

  return {
    encode(row) {
      // 32 bits at a time: arithmetic on the 64-bit words would allocate a bigint for each input.
      const mask = new Uint32Array(row.mask.buffer, row.mask.byteOffset);
      let body = '{';
      for (const field of fields) {
        if (((mask[field.slot >>> 5]! >>> (field.slot & 31)) & 1) === 0) continue;
        body += `${field.prefix}${readValue(row, field)},`;
      }
      const time = new Date(Number(row.doingNs / 1_000_000n)).toISOString().slice(0, -1);
      body += `"time":"${time}+00:00","simstep":"${(row.stepEnd * 1000).toFixed(6)}"}`;
      return Buffer.from(body);
    },
    get notFinite() {
      return notFinite;
    },
  };
}
