export { type DownloadOptions, download, readFile } from './download.js'
export { type UploadOptions, upload, writeFile } from './upload.js'
