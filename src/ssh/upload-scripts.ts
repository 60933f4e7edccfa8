import { randomBytes } from 'node:crypto'
import { MayflyError } from '../errors.js'
import { quote } from './quote.js'

export interface RemoteFile {
  remote: string
  /** Permission bits; those of a file that is there already if undefined. */
  mode: number | undefined
  owner: string | undefined
  /** Bytes that come, or the mark that follows the last of them. */
  ends: { size: number } | { mark: string }
}

export interface RemoteDirectory {
  remote: string
  owner: string | undefined
  /** Name of the empty file that the archive ends with. */
  lastEntry: string
}

/**
 * Reads its input into a file. The size, or the mark at the end, tells a whole file from a broken stream. /proc, /sys and
 * /dev have files that can only be written in place, and so has a file that is a mount point or below a directory that may
 * not be written to.
 */
export function fileScript({ remote, mode, owner, ends }: RemoteFile): string {
  const attributes = [
    ...(owner === undefined ? [] : [`chown ${quote(owner)} "$1"`]),
    ...(mode === undefined ? [] : [`chmod ${mode.toString(8)} "$1"`]),
  ]
  return `${prelude(remote)}
if [ -d "$t" ]; then echo "$t: Is a directory" >&2; exit 1; fi
attributes() { ${[...attributes, ':'].join(' && ')}; }
complete() { ${completeCheck(ends)} || { echo 'the contents are not complete' >&2; exit 1; }; }
case $t in /proc/*|/sys/*|/dev/*) cat > "$t" && attributes "$t" && echo "$k"; exit;; esac
s=$d/.mayfly-${randomBytes(6).toString('hex')}
umask 077
if [ -f "$t" ] && [ -w "$t" ] && ! { true > "$s"; } 2>/dev/null; then
  cat > "$t" && complete "$t" && attributes "$t" && echo "$k"
  exit
fi
${mode === undefined ? `if [ -f "$t" ]; then cp -p -- "$t" "$s" || exit; else umask 022; rm -f -- "$s"; fi` : ''}
cat > "$s" && complete "$s" && attributes "$s" || exit
mv -f -- "$s" "$t" 2>/dev/null || cat -- "$s" > "$t" && echo "$k"`
}

/** Unpacks its input into a directory. A directory that is there already keeps its own mode. */
export function directoryScript({ remote, owner, lastEntry }: RemoteDirectory): string {
  return `${prelude(remote)}
unset TAR_OPTIONS
if [ -e "$t" ] && [ ! -d "$t" ]; then echo "$t: Not a directory" >&2; exit 1; fi
command -v tar >/dev/null || { echo 'tar: not found' >&2; exit 127; }
# Inside a directory that is there: it may be a mount point, with more room than its parent.
p=$d; [ -d "$t" ] && p=$t && m=$(stat -c %a -- "$t") && o=$(stat -c %u:%g -- "$t")
s=\${p%/}/.mayfly-${randomBytes(6).toString('hex')}
mkdir -- "$s" || exit
tar -x -p -o -f - -C "$s" || exit
[ -f "$s"/${lastEntry} ] || { echo 'the archive is not complete' >&2; exit 1; }
rm -f -- "$s"/${lastEntry}
${owner === undefined ? '' : `chown -h -R ${quote(owner)} "$s" || exit\n`}\
if [ "$p" = "$t" ]; then
  # Links need no room; not every file system has them.
  cp -a -l -f -- "$s"/. "$t"/ 2>/dev/null || cp -a -f -- "$s"/. "$t"/ || exit
  ${owner === undefined ? 'chown "$o" "$t"; ' : ''}chmod "$m" "$t"
else mv -- "$s" "$t" || exit; fi
echo "$k"`
}

/** Sets `t` (the target) and `d` (its parent, which exists afterwards). What has the name in `s` is removed at the end. */
function prelude(remote: string): string {
  if (remote === '') throw new MayflyError('MAYFLY_OPTION_INVALID', 'the remote path is empty')
  const path = remote.length > 1 ? remote.replace(/\/+$/, '') || '/' : remote
  return `LC_ALL=C; export LC_ALL
t=${quote(path.startsWith('/') ? path : `./${path}`)}
[ -L "$t" ] && t=$(readlink -f -- "$t"; echo .) && t=\${t%??}
d=\${t%/*}; d=\${d:-/}
[ -d "$d" ] || mkdir -p -- "$d" || exit
s=
trap '[ -z "$s" ] || rm -rf -- "$s"' EXIT; trap 'exit 129' HUP INT TERM PIPE`
}

function completeCheck(ends: RemoteFile['ends']): string {
  if ('size' in ends) return `[ "$(stat -c %s -- "$1")" = ${ends.size} ]`
  const { mark } = ends
  // dd cuts the mark off again.
  return `[ "$(tail -c ${mark.length} -- "$1")" = ${mark} ] && n=$(stat -c %s -- "$1") && \
dd if=/dev/null of="$1" bs=1 seek=$((n - ${mark.length})) 2>/dev/null`
}
