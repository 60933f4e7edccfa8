import { shell } from '../../../guest/steps.js'
import { defineGuest } from '../../define-guest.js'

const unit = (name: string, text: string) => `printf '%s\\n' '${text}' >/etc/systemd/system/${name}\n`

/** debian with a unit of each kind. */
export const units = defineGuest({
  name: 'debian',
  image: 'debian',
  provision: [
    shell(
      [
        unit('steady.service', '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target'),
        unit('once.service', '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true'),
        unit(
          'broken.service',
          '[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo cannot read its configuration >&2; exit 3"\n[Install]\nWantedBy=multi-user.target',
        ),
        unit('many@.service', '[Service]\nExecStart=/bin/sleep infinity'),
        'systemctl daemon-reload; systemctl enable --now steady; systemctl start once',
      ].join(''),
    ),
  ],
})
