/**
 * From changed inputs to the body of a message:
 *
 *   {"bo":true,"i":-7,"pose":{"x":3.14159},"q":[0.5,1],"time":"2026-11-21T03:34:58.555+00:00","simstep":"200.000000"}
 *
 * Members in the order of their keys; `time` is the wall clock of the step in UTC, `simstep` the end of the step in ms.
 * Numbers are written with as few digits as read back to the same value, whole numbers of 64 bits with all of theirs.
 * JSON has no word for NaN and the infinities: they become `null`, which a receiver can tell from a value, and are
 * counted. An array is written as a whole when an element has changed.
 */
import type { OutgoingRow } from '../native/index.js';
import { unscaledInteger } from './decimal.js';
import { stringAreas } from './layout.js';
import { compileMapping, type MappingNode } from './mapping.js';
import { elementsOf, type Signal } from './signals.js';

export interface Encoder {
  /** The body; the row is not kept. */
  encode(row: OutgoingRow): Buffer;
  /** NaN and infinite values that were sent as `null` so far. */
  readonly notFinite: number;
}

/** Everything that is the same in each message is text from the start. */
interface Field {
  /** `"name":` */
  readonly prefix: string;
  readonly signal?: Signal;
  /** Of an object. */
  readonly members: readonly Field[];
  readonly slots: readonly { readonly slot: number; readonly offset: number }[];
}

/** `inputs` in the order of their slots. */
export function createEncoder(inputs: readonly Signal[]): Encoder {
  const areas = stringAreas(inputs);
  const toField = (key: string, { signal, children }: MappingNode): Field => {
    const { offset, stride } = signal === undefined ? { offset: 0, stride: 0 } : areas[inputs.indexOf(signal)]!;
    const count = signal === undefined ? 0 : elementsOf(signal);
    return {
      prefix: `${JSON.stringify(key)}:`,
      ...(signal === undefined ? {} : { signal }),
      members: toFields(children),
      slots: Array.from({ length: count }, (_, k) => ({ slot: signal!.slot + k, offset: offset + k * stride })),
    };
  };
  const toFields = (children: ReadonlyMap<string, MappingNode>): Field[] =>
    [...children].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, node]) => toField(key, node));
  const fields = toFields(compileMapping(inputs).root.children);
  let notFinite = 0;

  const textOf = (row: OutgoingRow, signal: Signal, slot: number, offset: number): string => {
    const { type, scale, items = [] } = signal;
    switch (type) {
      case 'Real':
      case 'Float32': {
        const held = row.real[slot]!;
        const value = scale === undefined ? held : (held - (signal.offset ?? 0)) / scale;
        if (!Number.isFinite(value)) {
          notFinite += 1;
          return 'null';
        }
        if (Object.is(value, -0)) return '-0';
        return type === 'Real' ? `${value}` : shortestFloat32(value);
      }
      case 'Boolean':
        return row.integer[slot] === 0n ? 'false' : 'true';
      case 'String':
        return JSON.stringify(row.strings.toString('utf8', offset, offset + Number(row.integer[slot])));
      case 'Binary':
        return `"${row.strings.toString('base64', offset, offset + Number(row.integer[slot]))}"`;
      case 'Enumeration': {
        // What is no item has no name; the number tells at least which one it was.
        const value = Number(row.integer[slot]);
        const item = items.find((one) => one.value === value);
        return item === undefined ? `${value}` : JSON.stringify(item.name);
      }
      default: {
        const held = row.integer[slot]!;
        const value = type === 'UInt64' ? BigInt.asUintN(64, held) : held;
        return scale === undefined ? `${value}` : unscaledInteger(value, scale, signal.offset);
      }
    }
  };

  /** Members with their commas, those of which something changed. */
  const membersOf = (row: OutgoingRow, mask: Uint32Array, of: readonly Field[]): string => {
    let text = '';
    for (const { prefix, signal, members, slots } of of) {
      if (signal === undefined) {
        const inner = membersOf(row, mask, members);
        if (inner !== '') text += `${prefix}{${inner.slice(0, -1)}},`;
        continue;
      }
      if (!slots.some(({ slot }) => ((mask[slot >>> 5]! >>> (slot & 31)) & 1) !== 0)) continue;
      const values = slots.map(({ slot, offset }) => textOf(row, signal, slot, offset));
      text += signal.size === undefined ? `${prefix}${values[0]!},` : `${prefix}[${values.join()}],`;
    }
    return text;
  };

  return {
    encode(row) {
      // 32 bits at a time: arithmetic on the 64-bit words would allocate a bigint for each input.
      const mask = new Uint32Array(row.mask.buffer, row.mask.byteOffset);
      const time = new Date(Number(row.doingNs / 1_000_000n)).toISOString().slice(0, -1);
      const members = membersOf(row, mask, fields);
      return Buffer.from(`{${members}"time":"${time}+00:00","simstep":"${(row.stepEnd * 1000).toFixed(6)}"}`);
    },
    get notFinite() {
      return notFinite;
    },
  };
}

/** 0.1 as a float is 0.10000000149011612 as a double; nobody meant those digits. */
function shortestFloat32(value: number): string {
  const float = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === float) return `${short}`;
  }
  return `${Number(value.toPrecision(9))}`;
}
