#!/usr/bin/env node
import { CommanderError } from 'commander'
import { EXIT } from './exit.js'
import { buildProgram } from './program.js'

try {
  await buildProgram().parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  // commander has printed what is wrong; its own status for that is 1, which is a guest's command's to give.
  process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage
}
