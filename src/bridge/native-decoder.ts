/** The decoder's fast path in the native library, made for the signals of a bridge. */
import { type Address, loadNative, NATIVE_TYPES, NativeLibraryError } from '../native/index.js';
import type { DecoderOptions, TimeSettings } from './decoder.js';
import { stringAreas } from './layout.js';
import type { Signal } from './signals.js';

/** For `Producer.useDecoder`, which owns it from then on. `outputs` by slot. */
export function createNativeDecoder(outputs: readonly Signal[], options: DecoderOptions): Address {
  const areas = stringAreas(outputs);
  const native = loadNative();
  const decoder = native.tb_decoder_create(
    outputs.length,
    outputs.map((signal) => signal.name),
    Uint8Array.from(outputs, (signal) => NATIVE_TYPES.indexOf(signal.type)),
    Uint32Array.from(areas, (area) => area.offset),
    Uint32Array.from(areas, (area) => area.capacity),
    options.time.key,
    nativeTimeFormat(options.time),
  );
  if (Number(decoder) === 0) throw new NativeLibraryError('out of memory');
  native.tb_decoder_restrict(decoder, options.maxMessageBytes, options.unknownFields === 'reject' ? 1 : 0);
  return decoder;
}

/** The numbers of `TB_TIME_...` in `fmu-shim/include/tb_decode.h`. */
function nativeTimeFormat({ format, assumeUtc }: TimeSettings): number {
  if (format === 'rfc3339') return assumeUtc ? 5 : 0;
  return { 'epoch-s': 1, 'epoch-ms': 2, 'epoch-us': 3, 'epoch-ns': 4 }[format];
}
