/** The time of each row of a recording: as its time cell says, or at a fixed interval from the first one's. */
import { type TimeFormat, wallClock } from '../support/time.js';
import type { RowRejection } from './errors.js';
import type { SourceLog } from './source.js';
import { detectTimeFormat, type TimeReader, timeReader } from './time-cell.js';

export interface RowTimesOptions {
  /** Default `auto`: from the first row, see {@link detectTimeFormat}. */
  readonly timeFormat?: TimeFormat | 'auto';
  /** Rows lie this many nanoseconds apart from the first one, whatever their time stamps say. */
  readonly interval?: bigint;
}

export class RowTimes {
  readonly #interval: bigint | undefined;
  readonly #log: SourceLog;
  #format: TimeFormat | 'auto';
  #read: TimeReader | undefined;
  #firstTime: bigint | undefined;
  #rows = 0n;

  constructor({ timeFormat = 'auto', interval }: RowTimesOptions, log: SourceLog) {
    this.#interval = interval;
    this.#log = log;
    this.#format = timeFormat;
    if (timeFormat !== 'auto') this.#read = timeReader(timeFormat);
  }

  get format(): TimeFormat | 'auto' {
    return this.#format;
  }

  /** To be asked once for each row, in order. `cell` is undefined where the recording has no times: then now counts. */
  next(cell: string | undefined): bigint | RowRejection {
    if (this.#interval === undefined) return this.#recorded(cell);
    if (this.#firstTime === undefined) {
      const first = this.#recorded(cell);
      if (typeof first !== 'bigint') return first;
      this.#firstTime = first;
    }
    const time = this.#firstTime + this.#rows * this.#interval;
    this.#rows += 1n;
    return time;
  }

  #recorded(cell: string | undefined): bigint | RowRejection {
    if (cell === undefined) return wallClock();
    if (this.#read === undefined) {
      const format = detectTimeFormat(cell);
      if (!isTimeFormat(format)) return format;
      this.#format = format;
      this.#read = timeReader(format);
      this.#log.notice(`times are read as ${format}, since the first one is ${cell.trim()}`);
    }
    return this.#read(cell);
  }
}

function isTimeFormat(value: TimeFormat | RowRejection): value is TimeFormat {
  return value === 'rfc3339' || value.startsWith('epoch-');
}
