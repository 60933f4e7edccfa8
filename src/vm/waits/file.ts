import { quote } from '../../ssh/quote.js'
import type { Commands } from '../commands.js'
import { type Awaited, QUICK_PAUSE_MS } from './until.js'

/** A path to exist, whatever is there. The script is all built-in commands: nothing has to be started for a look. */
export function fileToExist(vm: Commands, path: string): Awaited<void> {
  const script = `path=${quote(path)}
    [ -e "$path" ] && exit
    [ -h "$path" ] && echo link
    while [ -n "$path" ] && [ ! -e "$path" ]; do
      case $path in */*) path=\${path%/*} ;; *) path=. ;; esac
    done
    printf '%s' "\${path:-/}"
    exit 1`
  return {
    title: `file ${path}`,
    longestPauseMs: QUICK_PAUSE_MS,
    async look(options) {
      const { exitCode, stdout } = await vm.probe(script, options)
      if (exitCode === 0) return { met: undefined }
      if (stdout.startsWith('link\n')) return { seen: ['last: it is a symbolic link to what does not exist'] }
      return { seen: [`last: it does not exist; of its path there is ${stdout}`] }
    },
  }
}
