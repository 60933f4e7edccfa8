/** What changes in a machine that nobody has touched, or only keeps a record of what is told elsewhere. */
export const VOLATILE: readonly string[] = [
  // Gone with the next boot, or by themselves.
  ...['/run', '/tmp', '/var/tmp', '/var/run', '/var/lock'],
  ...['/var/log', '/var/cache', '/root/.cache', '/home/*/.cache', '**/__pycache__'],
  // When a timer was last due, what entropy there was, what time it was.
  ...['/var/lib/systemd/timers', '/var/lib/systemd/random-seed', '/var/lib/systemd/timesync'],
  ...['/var/lib/systemd/catalog', '/var/lib/systemd/coredump', '/var/lib/logrotate', '/var/lib/misc'],
  ...['/etc/adjtime', '/var/lib/chrony', '/var/lib/ntp', '/var/lib/ntpsec'],
  // Leases.
  ...['/var/lib/dhcp', '/var/lib/dhcpcd', '/var/lib/NetworkManager'],
  // Books of package managers: the packages are listed themselves.
  ...['/var/lib/dpkg', '/var/lib/apt', '/var/lib/rpm', '/usr/lib/sysimage/rpm', '/var/lib/dnf', '/lib/apk/db'],
  ...['/usr/lib/apk/db', '/etc/ld.so.cache'],
  // Backups and locks of the tools that change users.
  ...['/etc/passwd-', '/etc/group-', '/etc/shadow-', '/etc/gshadow-', '/etc/subuid-', '/etc/subgid-', '/etc/.pwd.lock'],
  // Units of one login, of one call of systemd-run, or that a mere question starts for a while.
  ...['unit:session-*.scope', 'unit:*.scope', 'unit:*.slice', 'unit:*.device', 'unit:user@*.service'],
  ...['unit:user-runtime-dir@*.service', 'unit:run-user-*.mount', 'unit:run-*.service', 'unit:run-*.timer'],
  ...['unit:systemd-hostnamed.service', 'unit:systemd-timedated.service', 'unit:systemd-localed.service'],
  // What timers start now and then.
  ...['unit:systemd-tmpfiles-clean.service', 'unit:apt-daily*.service', 'unit:man-db.service', 'unit:fstrim.service'],
  ...['unit:logrotate.service', 'unit:e2scrub_*.service', 'unit:dpkg-db-backup.service', 'unit:motd-news.service'],
]
