/**
 * Messages that carry no values but tell how far a stream is, for the behaviour `complete`:
 *
 *   {"time":"2026-01-04T16:41:24.250Z","internal_watermark":true}       no later message has a time that is not later
 *   {"time":"2026-01-04T16:41:24.250Z","internal_end_of_stream":true}   no later message comes; the time may be left out
 *
 * RMQFMU and its peers skip keys that begin with `internal_`, so they are no trouble to them.
 */
export const WATERMARK_KEY = 'internal_watermark';
export const END_OF_STREAM_KEY = 'internal_end_of_stream';

/** The time of a watermark at the end of a stream. */
export const END_OF_STREAM: bigint = 2n ** 63n - 1n;
