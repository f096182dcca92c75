/** Pictures of results: what the master wrote, read back and drawn as SVG. */
export * from './errors.js';
export type { Panel } from './panels.js';
export { rangeOf } from './panels.js';
export { readResults } from './read-results.js';
export { drawPicture, type Picture, type PictureOptions } from './svg.js';
export type { PlotColumn, PlotKind, PlotTable, TableSelection } from './table.js';
