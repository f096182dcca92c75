/** Alone, so that the name costs nobody the reader. */
export const STRUCTURE_FILE = 'OspSystemStructure.xml';
