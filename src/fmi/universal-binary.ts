/**
 * One library for both processors of macOS: FMI 2.0 has one folder for them, and importers look there on either.
 *
 * The format is that of `mach-o/fat.h`: a big-endian table of slices, each a library of its own.
 */
const MAGIC = 0xcafebabe;
/** Slices begin at a page: 16 KiB on Apple's own processors. */
const ALIGNMENT_BITS = 14;
const ENTRY_BYTES = 20;

/** `slices` are 64-bit Mach-O libraries for different processors. */
export function universalBinary(slices: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(8 + ENTRY_BYTES * slices.length);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(slices.length, 4);
  const parts: Buffer[] = [header];
  let end = header.length;
  slices.forEach((slice, index) => {
    const begin = Math.ceil(end / 2 ** ALIGNMENT_BITS) * 2 ** ALIGNMENT_BITS;
    const entry = 8 + ENTRY_BYTES * index;
    header.writeUInt32BE(slice.readUInt32LE(4), entry); // processor
    header.writeUInt32BE(slice.readUInt32LE(8), entry + 4); // its variant
    header.writeUInt32BE(begin, entry + 8);
    header.writeUInt32BE(slice.length, entry + 12);
    header.writeUInt32BE(ALIGNMENT_BITS, entry + 16);
    parts.push(Buffer.alloc(begin - end), slice);
    end = begin + slice.length;
  });
  return Buffer.concat(parts);
}
