const KEY = 'mayfly-theme'

/** Follows the system until somebody chooses. */
export function restoreTheme() {
  const chosen = stored()
  if (chosen) document.documentElement.dataset.theme = chosen
}

export function toggleTheme() {
  const { dataset } = document.documentElement
  const dark = dataset.theme ? dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  dataset.theme = dark ? 'light' : 'dark'
  try {
    localStorage.setItem(KEY, dataset.theme)
  } catch {
    // Some browsers keep nothing for a file on disk.
  }
}

function stored() {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'light' || value === 'dark' ? value : undefined
  } catch {
    return undefined
  }
}
