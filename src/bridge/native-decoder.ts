/** The decoder's fast path in the native library, made for the signals of a source. */
import { type Address, loadNative, NATIVE_TYPES, NativeLibraryError, type NativeType } from '../native/index.js';
import type { DecoderOptions, TimeSettings } from './decoder.js';
import { type StringArea, stringAreas } from './layout.js';
import { compileMapping, type MappingNode, timePath } from './mapping.js';
import { isFloat, type Signal, slotCount } from './signals.js';

/**
 * For `Producer.useDecoder`, which owns it from then on. Undefined: the messages of this source are of a kind that only
 * the decoder in TypeScript reads. `outputs` in the order of their slots.
 */
export function createNativeDecoder(
  outputs: readonly Signal[],
  options: DecoderOptions,
  source = 0,
): Address | undefined {
  const own = outputs.filter((signal) => signal.source === source);
  if (options.payload === 'raw' || !own.every(isPlain)) return undefined;
  const members = flatten(compileMapping(own, timePath(options.time)).root);
  if (members === undefined) return undefined;
  const areas = stringAreas(outputs);
  const items = own.flatMap((signal) => signal.items ?? []);
  const native = loadNative();
  const decoder = native.tb_decoder_create(
    members.length,
    members.map(({ name }) => name),
    pack(
      members,
      (signal) => areas[outputs.indexOf(signal)]!,
      (signal) => items.indexOf(signal.items![0]!),
    ),
    items.length,
    items.map(({ name }) => name),
    // Never empty: its address is passed.
    Int32Array.from([...items.map(({ value }) => value), 0]),
    slotCount(outputs),
    nativeTimeFormat(options.time),
  );
  if (Number(decoder) === 0) throw new NativeLibraryError('out of memory');
  native.tb_decoder_restrict(decoder, options.maxMessageBytes, options.unknownFields === 'reject' ? 1 : 0);
  return decoder;
}

function isPlain({ type, scale }: Signal): boolean {
  return type !== 'Binary' && (scale === undefined || isFloat(type));
}

interface Member {
  readonly name: string;
  /** Place in the list of the object that it is in. */
  readonly parent: number;
  readonly node: MappingNode;
}

/** Objects before what is in them; undefined: there are elements of arrays among the places. */
function flatten(root: MappingNode): Member[] | undefined {
  const members: Member[] = [];
  const add = (node: MappingNode, parent: number): boolean =>
    [...node.children].every(([name, child]) => {
      members.push({ name, parent, node: child });
      if (child.children.size === 0) return true;
      // A token of digits may be an index, or a name: which one, a message says.
      return child.signal === undefined && ![...child.children.keys()].some(isDigits) && add(child, members.length - 1);
    });
  return add(root, MESSAGE) ? members : undefined;
}

function isDigits(token: string): boolean {
  return /^\d+$/.test(token);
}

/** `TB_MESSAGE` */
const MESSAGE = 0xffffffff;
const MEMBER_BYTES = 48;

/** As `tb_member` in `fmu-shim/include/tb_decode.h`. */
function pack(
  members: readonly Member[],
  areaOf: (signal: Signal) => StringArea,
  firstItemOf: (signal: Signal) => number,
): Buffer {
  const packed = Buffer.alloc(MEMBER_BYTES * Math.max(1, members.length));
  for (const [index, { parent, node }] of members.entries()) {
    const at = index * MEMBER_BYTES;
    const { signal } = node;
    packed.writeUInt32LE(parent, at);
    packed.writeUInt8(signal !== undefined ? 0 : node.isTime ? 2 : 1, at + 4);
    if (signal === undefined) continue;
    const { offset, capacity } = areaOf(signal);
    const type: NativeType = signal.type === 'Enumeration' ? 'Integer' : signal.type;
    packed.writeUInt8(NATIVE_TYPES.indexOf(type), at + 5);
    packed.writeUInt8(signal.scale === undefined ? 0 : 1, at + 6);
    packed.writeUInt32LE(signal.slot, at + 8);
    packed.writeUInt32LE(signal.size ?? 0, at + 12);
    packed.writeUInt32LE(offset, at + 16);
    packed.writeUInt32LE(capacity, at + 20);
    if (signal.items !== undefined) {
      packed.writeUInt32LE(firstItemOf(signal), at + 24);
      packed.writeUInt32LE(signal.items.length, at + 28);
    }
    packed.writeDoubleLE(signal.scale ?? 1, at + 32);
    packed.writeDoubleLE(signal.offset ?? 0, at + 40);
  }
  return packed;
}

/** The numbers of `TB_TIME_...` in `fmu-shim/include/tb_decode.h`. */
function nativeTimeFormat({ format, assumeUtc }: TimeSettings): number {
  if (format === 'rfc3339') return assumeUtc ? 5 : 0;
  return { 'epoch-s': 1, 'epoch-ms': 2, 'epoch-us': 3, 'epoch-ns': 4 }[format];
}
