/** In every image's directory: what the image is. */
export const MANIFEST = 'manifest.json'
