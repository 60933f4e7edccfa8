/** Raised whenever a template of an older Mayfly must not be loaded by this one. */
export const FORMAT = 6
