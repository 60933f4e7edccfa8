/** Bytes to boot from, immutable and named by what they hold: a kernel, or a disk with a boot loader. */
export interface Image {
  /** What the user called it: `'micro'`, `'debian'`. */
  name: string
  /** `sha256:<hex>` over everything that is booted. */
  digest: string
  /** Directory that holds the files below. */
  dir: string
  /** Kernel for direct boot (ELF vmlinux with a PVH note, or bzImage), absolute path. Without one, firmware boots the disk. */
  kernel?: string | undefined
  /** Kernel for machines in which it needs the firmware, if that is another one: only a bzImage asks what is on the screen, and knows UEFI. */
  firmwareKernel?: string | undefined
  /** Initial RAM file system, a newc cpio, absolute path. */
  initrd?: string | undefined
  /** Kernel parameters the image needs, without those that Mayfly adds (console, panic, ...). */
  cmdline: string[]
  /** Root disk, if it does not run from RAM. Never written to: overlays are stacked on it. */
  disk?: { path: string; format: 'qcow2' | 'raw'; virtualSizeBytes: number } | undefined
  /** What the guest offers beyond SSH. */
  features: {
    /** Reads `/mayfly/` of the initramfs: ssh keys, hostname. */
    seed: boolean
    /** Runs the fix-up agent on the second serial port. Of a disk that gets it by cloud-init, the template knows. */
    agent: boolean
  }
}
