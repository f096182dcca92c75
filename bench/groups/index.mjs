/**
 * The groups of measurements, by name. A group is a list of measurements:
 *
 *   rows     `[{id, unit, target?, optional?}]` that it gives; an `optional` one may be left out, with a word on stderr
 *   measure  `async (context) => ({[id]: samples in the row's unit, or {samples, ratio}})`; throws when something could
 *            not be measured
 *
 * `context`: `url` of the broker, `folder` for files, `quick`, `say(text)` for progress, `wants(id)` whether a row was
 * asked for.
 */
import { bridge } from './bridge.mjs';
import { master } from './master.mjs';
import { remote } from './remote.mjs';
import { results } from './results.mjs';

export const GROUPS = { bridge, master, remote, results };
