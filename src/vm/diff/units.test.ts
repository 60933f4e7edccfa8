import { expect, test } from 'vitest'
import { unitsOf } from './units.js'

test('what is enabled is told from links, as systemctl does', () => {
  const units = unitsOf({
    files: `/etc/systemd/system/multi-user.target.wants/web.service\t/lib/systemd/system/web.service
/etc/systemd/system/getty.target.wants/getty@tty1.service\t/lib/systemd/system/getty@.service
/etc/systemd/system/sshd.service\t/lib/systemd/system/ssh.service
/etc/systemd/system/off.service\t/dev/null
/etc/systemd/system/own.service\t
/run/systemd/system/multi-user.target.wants/once.service\t/lib/systemd/system/once.service
/run/systemd/generator/srv.mount\t
/usr/lib/systemd/system/web.service\t
/usr/lib/systemd/system/ssh.service\t
/usr/lib/systemd/system/getty@.service\t
/usr/lib/systemd/system/off.service\t
/usr/lib/systemd/system/once.service\t
/usr/lib/systemd/system/idle.timer\t
/usr/lib/systemd/system/plain.service\t
/usr/lib/systemd/system/sysinit.target.wants/plain.service\t../plain.service
/usr/lib/systemd/system/web.service.d/more.conf\t
`,
    installable: '/usr/lib/systemd/system/web.service\n/usr/lib/systemd/system/idle.timer\n',
    loaded: `  web.service loaded active running a web server
  plain.service loaded inactive dead plain
  gone.service not-found inactive dead gone
  run-r1.service loaded failed failed transient
  srv.mount loaded active mounted /srv
`,
  })
  expect(Object.fromEntries([...units].map(([name, { enabled, state }]) => [name, `${enabled}, ${state}`]))).toEqual({
    'getty@.service': 'enabled, inactive (dead)',
    'idle.timer': 'disabled, inactive',
    'off.service': 'masked, inactive (dead)',
    'once.service': 'enabled-runtime, inactive (dead)',
    'own.service': 'static, inactive (dead)',
    'plain.service': 'static, inactive (dead)',
    'run-r1.service': ', failed (failed)',
    'srv.mount': 'generated, active',
    'ssh.service': 'enabled, inactive (dead)',
    'sshd.service': 'alias, inactive (dead)',
    'web.service': 'enabled, active (running)',
  })
})
