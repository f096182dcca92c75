import { InvalidInputError, TwinbridgeError } from '../support/errors.js';

/** A file of results that cannot be plotted, or has nothing to plot. */
export class PlotInputError extends InvalidInputError {
  override readonly code = 'TB_PLOT_INPUT';
}

/** No column has the name, or matches the pattern. */
export class UnknownColumnError extends InvalidInputError {
  override readonly code = 'TB_PLOT_UNKNOWN_COLUMN';
}

/** The picture cannot be written. */
export class PlotOutputError extends TwinbridgeError {
  override readonly code = 'TB_PLOT_OUTPUT';
}
