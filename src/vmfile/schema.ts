import { lazySchema, zod } from '../zod.js'
import { guestPath, hostPath, meta, path, size, text } from './field.js'
import { networkSchema } from './network-schema.js'

const cloudInit = lazySchema((z) =>
  z
    .strictObject({
      hostname: z
        .string()
        .regex(
          /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/,
        )
        .optional()
        .meta(
          meta("The guest's host name. Default: the name of the machine.", {
            expects: 'a host name: letters, digits and -, in parts of at most 63 characters',
            example: 'hostname "web"',
          }),
        ),
      sshKey: path(
        `File with the public key that may log in ${hostPath}. Default: a new key pair.`,
        'ssh-key "~/.ssh/id_ed25519.pub"',
      ).optional(),
      userData: path(
        `File with a whole cloud-config, which is passed on as it is ${hostPath}. Users and keys are its business then.`,
        'user-data "cloud-config.yaml"',
      ).optional(),
    })
    .optional()
    .meta(meta('What cloud-init does at the first boot.', { example: 'cloud-init { hostname "web"; }' })),
)

const ssh = lazySchema((z) =>
  z
    .strictObject({
      user: text('Who logs in.', 'the name of a user', 'user "ubuntu"').default('vm'),
      privateKey: path(
        `File with the private key ${hostPath}. Default: the generated one, else those in \`~/.ssh\`.`,
        'private-key "~/.ssh/id_ed25519"',
      ).optional(),
    })
    .optional()
    .meta(meta('How to log in to the guest.', { example: 'ssh { user "ubuntu"; }' })),
)

const provision = lazySchema((z) =>
  z
    .array(
      z
        .discriminatedUnion('kind', [
          z
            .strictObject({
              kind: z.literal('shell'),
              inline: text('A command line, or several.', 'a script', 'inline "apt-get update"').optional(),
              script: path(`A script on the host ${hostPath}.`, 'script "scripts/setup.sh"').optional(),
            })
            .meta(meta('Runs a script in the guest: exactly one of `inline` and `script`.')),
          z
            .strictObject({
              kind: z.literal('file'),
              source: path(`A file on the host ${hostPath}.`, 'source "config/app.conf"'),
              destination: guestPath('Where it goes.', 'destination "/etc/app.conf"'),
            })
            .meta(meta('Copies a file into the guest.')),
        ])
        .meta(meta('A step.', { arguments: ['kind'], example: 'provision "shell" { inline "apt-get update"; }' })),
    )
    .default([])
    .meta(
      meta('Steps that set the guest up, in their order. The first that fails is the last.', {
        repeatable: true,
        example: 'provision "shell" { inline "apt-get update"; }',
      }),
    ),
)

const packageNames = (description: string) =>
  zod()
    .array(
      zod()
        .string()
        .regex(/^[\w.+:~=-]+$/),
    )
    .min(1)
    .meta(
      meta(description, {
        expects: 'names of packages',
        example: 'packages "nginx" "curl"',
        hint: 'Each name has quotes of its own: packages "nginx" "curl"',
      }),
    )

const manipulation = lazySchema((z) =>
  z
    .array(
      z
        .strictObject({
          packages: packageNames('Installed before the first script runs.').optional(),
          script: text(
            'Run as root, by `/bin/sh -eu`: the script itself, not a file.',
            'a script',
            'script "systemctl enable nginx"',
          ).optional(),
        })
        .meta(meta('At least one of `packages` and `script`.')),
    )
    .default([])
    .meta(
      meta('Changes that come before `provision`: first the packages of all blocks, then their scripts in order.', {
        repeatable: true,
        example: 'manipulation { packages "jq"; script "jq --version"; }',
      }),
    ),
)

const vnc = lazySchema((z) =>
  z
    .strictObject({
      password: z
        .string()
        .min(1)
        .max(8)
        .optional()
        .meta(
          meta('Clients that connect to a machine of `mayfly up` must give it. Default: a new one.', {
            expects: '1 to 8 characters',
            example: 'password "87654321"',
            hint: 'VNC passwords have at most 8 characters: what is longer would be cut off.',
          }),
        ),
      port: z
        .int()
        .min(5900)
        .max(65535)
        .optional()
        .meta(
          meta(
            'TCP port of the loopback interface that `mayfly up` serves it at. Default: the first from 5900 on that is free.',
            {
              expects: 'a port from 5900 to 65535',
              example: 'port 5901',
            },
          ),
        ),
    })
    .optional()
    .meta(
      meta(
        'A screen and a keyboard, for `vm.screenshot()`, `vm.typeText()` and `vm.vnc()`; `mayfly up` serves it over VNC.',
        {
          example: 'vnc { password "87654321"; }',
        },
      ),
    ),
)

const share = lazySchema((z) =>
  z
    .array(
      z
        .strictObject({
          source: path(`A directory on the host ${hostPath}.`, '"./src"'),
          target: guestPath('Where the guest has it.', '"/mnt/src"'),
          readonly: z
            .boolean()
            .default(false)
            .meta(
              meta('For other tools: what the guest writes stays in the guest, with or without it.', {
                expects: '#true or #false',
                example: 'readonly #true',
              }),
            ),
        })
        .meta(
          meta('A share.', {
            arguments: ['source', 'target'],
            example: 'share "./src" "/mnt/src" { readonly #true; }',
          }),
        ),
    )
    .default([])
    .meta(
      meta('A directory of the host, which is copied into the guest after its packages and before its scripts.', {
        repeatable: true,
        example: 'share "./src" "/mnt/src" { readonly #true; }',
      }),
    ),
)

export const machineSchema = lazySchema((z) =>
  z
    .strictObject({
      name: z
        .string()
        .regex(/^(?!\.{1,2}$)[^/\p{Cc}]{1,200}$/u)
        .meta(
          meta('Its name, which no other machine of the file has.', {
            expects: 'a name: 1 to 200 characters, no slashes',
            example: '"web"',
          }),
        ),
      image: z
        .string()
        .min(1)
        .optional()
        .meta(
          meta(
            `What it boots from: \`micro\` or \`debian\`, with a release if you like (\`debian:trixie\`); one of the catalogue, such as \`ubuntu-24.04\`; or a disk image on the host ${hostPath}. With \`kernel\`, its disk.`,
            { expects: 'a path or the name of an image', example: 'image "images/debian-12.qcow2"' },
          ),
        ),
      imageUrl: z
        .url({ protocol: /^https?$/, hostname: /./ })
        .optional()
        .meta(
          meta('A disk image to download.', {
            expects: 'a URL that begins with http:// or https://',
            example: 'image-url "https://example.org/noble.img"',
            hint: 'A file on this host goes into image.',
          }),
        ),
      sha256: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/)
        .optional()
        .meta(meta('What the image must hash to.', { expects: '64 hexadecimal digits', example: 'sha256 "9f86d08…"' })),
      kernel: path(`A kernel on the host, booted directly ${hostPath}.`, 'kernel "boot/vmlinuz"').optional(),
      initrd: path(`Its initial RAM disk ${hostPath}.`, 'initrd "boot/initrd.img"').optional(),
      cmdline: text('Its command line.', 'a kernel command line', 'cmdline "console=ttyS0 root=/dev/vda1"').optional(),
      firmware: z
        .enum(['bios', 'uefi'])
        .optional()
        .meta(
          meta(
            'What starts the boot loader of a disk image, or hands over to a kernel. Default: BIOS; on aarch64 UEFI.',
            {
              expects: '"bios" or "uefi"',
              example: 'firmware "uefi"',
            },
          ),
        ),
      arch: z
        .enum(['x86_64', 'aarch64'])
        .optional()
        .meta(
          meta("Its processors. Default: the host's; others are emulated.", {
            expects: '"x86_64" or "aarch64"',
            example: 'arch "aarch64"',
          }),
        ),
      vcpus: z
        .int()
        .min(1)
        .max(255)
        .default(1)
        .meta(meta('Virtual processors.', { expects: 'a whole number from 1 to 255', example: 'vcpus 2' })),
      memory: size('Memory; a bare number counts MiB.', 'MiB', 'memory 2048').default(1024),
      disk: size(
        'Size of the disk; a bare number counts GiB. Default: that of the image.',
        'GiB',
        'disk 20',
      ).optional(),
      network: networkSchema(),
      cloudInit: cloudInit(),
      ssh: ssh(),
      rootPassword: text("root's password, for the console.", 'a password', 'root-password "s3cret"').optional(),
      packages: packageNames("Installed by the guest's package manager, before anything else.").optional(),
      manipulation: manipulation(),
      provision: provision(),
      share: share(),
      vnc: vnc(),
      snapshot: z
        .boolean()
        .default(true)
        .meta(
          meta(
            'Whether it resumes from a template that was booted and provisioned once. With `#false` it boots each time.',
            {
              expects: '#true or #false',
              example: 'snapshot #false',
            },
          ),
        ),
    })
    .meta(meta('A machine.', { arguments: ['name'], repeatable: true, example: 'vm "web" { image "debian"; }' })),
)
