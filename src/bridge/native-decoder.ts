/** The decoder's fast path in the native library, made for the signals of a bridge. */
import { type Address, loadNative, NATIVE_TYPES, NativeLibraryError, type NativeType } from '../native/index.js';
import type { DecoderOptions, TimeSettings } from './decoder.js';
import { stringAreas } from './layout.js';
import type { Signal } from './signals.js';

/** For `Producer.useDecoder`, which owns it from then on. Undefined: every message needs the decoder in TypeScript. */
export function createNativeDecoder(outputs: readonly Signal[], options: DecoderOptions): Address | undefined {
  if (options.payload === 'raw' || options.time.key.startsWith('/') || !outputs.every(isPlain)) return undefined;
  const areas = stringAreas(outputs);
  const native = loadNative();
  const decoder = native.tb_decoder_create(
    outputs.length,
    outputs.map((signal) => signal.name),
    Uint8Array.from(outputs, (signal) => NATIVE_TYPES.indexOf(signal.type as NativeType)),
    Uint32Array.from(areas, (area) => area.offset),
    Uint32Array.from(areas, (area) => area.capacity),
    options.time.key,
    nativeTimeFormat(options.time),
  );
  if (Number(decoder) === 0) throw new NativeLibraryError('out of memory');
  native.tb_decoder_restrict(decoder, options.maxMessageBytes, options.unknownFields === 'reject' ? 1 : 0);
  return decoder;
}

const PLAIN_TYPES: readonly string[] = ['Real', 'Integer', 'Boolean', 'String'];

function isPlain({ type, source, path, size, scale }: Signal): boolean {
  return PLAIN_TYPES.includes(type) && source === 0 && path === undefined && size === undefined && scale === undefined;
}

/** The numbers of `TB_TIME_...` in `fmu-shim/include/tb_decode.h`. */
function nativeTimeFormat({ format, assumeUtc }: TimeSettings): number {
  if (format === 'rfc3339') return assumeUtc ? 5 : 0;
  return { 'epoch-s': 1, 'epoch-ms': 2, 'epoch-us': 3, 'epoch-ns': 4 }[format];
}
