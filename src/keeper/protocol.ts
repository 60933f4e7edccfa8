import type { MayflyErrorCode } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { Exit, QemuChannels } from '../qemu/process.js'
import type { Harness } from '../session/harness.js'
import type { SshAddress } from '../snapshot/join-network.js'
import type { PlaceData } from '../snapshot/place.js'
import type { Prepared } from '../snapshot/prepare.js'
import type { LaunchTimings } from '../snapshot/timings.js'
import type { ChannelRequest } from '../ssh/relayed-client.js'

/** The first line of every connection to a keeper: what it is for. */
export type Hello =
  /** Requests of one worker that runs a test file. Its machines end with the connection. */
  | { kind: 'worker'; file: string }
  /** One of QEMU's streams, as bytes. */
  | { kind: 'stream'; lease: string; stream: keyof QemuChannels }
  /** A session on the machine's SSH connection, in frames (see ssh/channel-frames.ts). */
  | { kind: 'channel'; lease: string; request: ChannelRequest }

/** Whose machines are asked for. Code in provision steps does not travel: its key stands for it. */
export interface GuestRequest {
  guest: Guest
  unique: boolean
  most: number | undefined
}

/** What all machines of a guest have in common, but for the session. */
export interface PreparedData extends Pick<Prepared, 'image' | 'ingredients' | 'template'> {
  qemu: Harness['qemu']
  accelerator: Harness['accelerator']
}

export interface KeptData {
  key: string
  prepared: PreparedData
}

/** A machine that runs in the keeper, as whoever uses it must know it. */
export interface LeaseData {
  place: PlaceData
  qemu: { pid: number; startTime: number; command: readonly string[] }
  hasAgent: boolean
  address: SshAddress
  login: { username: string; privateKey: string }
  privateKeyPath: string
  /** How its SSH server names itself. */
  software: string
  /** Of the shell that waits for the first command, if there is one. */
  waitingShell: string | undefined
  timings: LaunchTimings
}

/** Requests by name: what they take, and what they give. */
export interface Requests {
  /** A guest that is kept, and is as it was; null if it must be prepared first. */
  find: [GuestRequest, KeptData | null]
  /** From now on machines of it are kept. */
  keep: [GuestRequest & { prepared: PreparedData }, KeptData]
  /** A machine, running; the worker chooses the name of the lease. */
  take: [{ key: string; lease: string }, LeaseData]
  /** It is not needed any more; the answer comes when it is gone. */
  end: [{ lease: string }, null]
}

/** What a worker says without waiting for an answer. */
export type Notice =
  | { do: 'expect'; key: string; count: number }
  | { do: 'give-up'; lease: string }
  | { do: 'disconnect'; lease: string }
  | { do: 'shortage' }

export type WorkerMessage =
  | { [K in keyof Requests]: { id: number; do: K; with: Requests[K][0] } }[keyof Requests]
  | Notice

export interface ErrorData {
  code: MayflyErrorCode
  message: string
  details: readonly string[]
  hint: string | undefined
}

export type KeeperMessage =
  | { id: number; result: unknown }
  | { id: number; error: ErrorData }
  | { tell: 'exit'; lease: string; exit: Exit }
  | { tell: 'disconnected'; lease: string }
  | { tell: 'note'; line: string }
