/** Which FMI a built FMU speaks, and what FMI 3.0 adds to a bridge: the time, and clocks that tick when data arrive. */
import type { Problem } from '../support/errors.js';
import type { LocatedFile } from '../support/located-file.js';
import type { SourceConfig } from './config-sources.js';
import type { Signal } from './signals.js';

export type FmiVersion = 2 | 3;

/** What an event is in FMI 3.0: the arrival of a source's data, or there are none. */
export const CLOCK_KINDS = ['arrival', 'none'] as const;
export type ClockKind = (typeof CLOCK_KINDS)[number];

export interface FmiFile {
  fmi?: FmiVersion;
  fmi3?: { clock?: ClockKind };
}

export interface FmiConfig {
  readonly fmi: FmiVersion;
  /** Of FMI 3.0; else absent. */
  readonly clock?: ClockKind;
}

/** The independent variable that FMI 3.0 asks for. */
export const TIME_NAME = 'time';

export interface ArrivalClock {
  readonly name: string;
  /** Place of its source in the configuration. */
  readonly source: number;
}

/** One a source that carries something: `arrival`, or `<source>.arrival` where there are several sources. */
export function arrivalClocks(config: {
  readonly clock?: ClockKind;
  readonly sources: readonly Pick<SourceConfig, 'name'>[];
  readonly outputs: readonly Pick<Signal, 'source'>[];
}): ArrivalClock[] {
  if (config.clock !== 'arrival') return [];
  const carries = new Set(config.outputs.map(({ source }) => source));
  return config.sources.flatMap(({ name }, source) =>
    carries.has(source) ? [{ name: config.sources.length === 1 ? 'arrival' : `${name}.arrival`, source }] : [],
  );
}

export function readFmi(
  { value, locateKey }: LocatedFile<FmiFile & { readonly outputs?: object; readonly inputs?: object }>,
  rest: {
    readonly sources: readonly SourceConfig[];
    readonly outputs: readonly Signal[];
  },
  problems: Problem[],
): FmiConfig {
  if (value.fmi !== 3) return { fmi: 2 };
  const config: FmiConfig = { fmi: 3, clock: value.fmi3?.clock ?? 'arrival' };
  const clocks = arrivalClocks({ ...config, ...rest }).map(({ name }) => name);
  for (const name of [TIME_NAME, ...clocks]) {
    for (const kind of ['outputs', 'inputs'] as const) {
      if (!Object.hasOwn(value[kind] ?? {}, name)) continue;
      const what = name === TIME_NAME ? 'the independent variable' : 'the clock that ticks on arrival';
      problems.push({
        message: `'${kind}.${name}' has the name of ${what}, which an FMU of FMI 3.0 has besides`,
        location: locateKey([kind, name]),
        remedy:
          name === TIME_NAME
            ? 'give the signal another name and its field as its path'
            : 'give the signal another name and its field as its path, or set fmi3.clock: none',
      });
    }
  }
  return config;
}
