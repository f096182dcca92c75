/** System files inside of files of other formats. */
import { InvalidFileError, type SourceLocation } from '../../support/errors.js';
import { parseYaml } from '../../support/yaml-file.js';
import type { SystemDraft } from '../draft.js';
import { draftOfYaml } from './yaml.js';
import { systemFileValidator } from './yaml-validator.js';

/**
 * What a system file says that stands inside of another file, at one place in it. `file` is what relative paths are relative
 * to.
 */
export function parseEmbeddedSystemYaml(file: string, text: string, location: SourceLocation): SystemDraft {
  try {
    const source = parseYaml(file, text, systemFileValidator);
    return draftOfYaml({ ...source, locate: () => location, locateKey: () => location });
  } catch (error) {
    if (!(error instanceof InvalidFileError)) throw error;
    throw new InvalidFileError(
      location.file,
      error.problems.map((problem) => ({ ...problem, location })),
    );
  }
}
