/**
 * The log categories of a bridge FMU: declared in its model description, known to its library (`fmu-shim/src/fmi2`),
 * used by its backend, and read by the master, which tells by them what kind of error an FMU had.
 */
export const LOG_CATEGORIES = {
  error: { name: 'logStatusError', description: 'What made a call fail' },
  warning: { name: 'logStatusWarning', description: 'What went wrong without making a call fail' },
  events: { name: 'logEvents', description: 'The connection to the broker, and the totals at the end' },
  samples: { name: 'logSamples', description: 'Samples as they are used' },
  broker: { name: 'logBroker', description: 'Why there is no connection to the broker' },
} as const;
export type LogCategoryName = (typeof LOG_CATEGORIES)[keyof typeof LOG_CATEGORIES]['name'];
