/** A run whose configuration, versions, log, results and report are kept together in a folder. */
import { basename, extname, join } from 'node:path';
import type { System } from '../system/index.js';
import type { RunError } from './errors.js';
import type { RunLogMessage, RunReport } from './report.js';

export interface RunFolder {
  readonly path: string;
  /** The system, with its results in the folder. */
  readonly system: System;
  log(message: RunLogMessage): void;
  /** Writes the report, also of a run that failed. */
  close(report: RunReport | undefined, error?: RunError): void;
}

/** Makes a folder in `root` for a run of `system`, which was read from `files`. Throws `ResultsError`. */
export async function openRunFolder(root: string, files: readonly string[], system: System): Promise<RunFolder> {
  // Few runs have one, and each would start the later for what it needs.
  const { createRunFolder, openRunLog, saveConfiguration, saveJson, saveVersions } = await import(
    './results/run-folder.js'
  );
  const name = basename(system.file, extname(system.file));
  const path = createRunFolder(root, name);
  await saveConfiguration(path, files);
  await saveVersions(path, system.components);
  const log = openRunLog(path);
  const recordings = system.recordings.map((recording, index) => ({
    ...recording,
    file: join(path, recording.file === undefined ? resultsName(index, recording.format) : basename(recording.file)),
  }));
  return {
    path,
    system: { ...system, recordings },
    log: (message) => log.write(message),
    close: (report, error) => {
      log.close();
      const failure = error === undefined ? {} : { error: { code: error.code, message: error.message } };
      saveJson(path, 'report.json', { ...report, ...failure });
      if (report === undefined) return;
      const { steps, wallSeconds, realTimeFactor, overruns, components, plan } = report;
      saveJson(path, 'timing.json', { steps, wallSeconds, realTimeFactor, overruns, components, plan });
    },
  };
}

function resultsName(index: number, format: string): string {
  return `results${index === 0 ? '' : `-${index + 1}`}.${format}`;
}
