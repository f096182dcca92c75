/**
 * The groups of measurements, by name. A group is a list of measurements:
 *
 *   rows     `[{id, unit, target?}]` that it gives
 *   measure  `async (context) => ({[id]: samples in the row's unit})`; throws when something could not be measured
 *
 * `context`: `url` of the broker, `folder` for files, `quick`, `say(text)` for progress.
 */
import { bridge } from './bridge.mjs';

export const GROUPS = { bridge };
