#!/usr/bin/env node
import { CommanderError } from 'commander'
import { EXIT } from './exit.js'
import { buildProgram } from './program.js'
import { isBrokenPipe } from './streams.js'

// A command has its own way with it; help is printed before there is one.
process.stdout.on('error', (error) => {
  if (!isBrokenPipe(error)) throw error
  process.exitCode = EXIT.signal + 13
})

try {
  await buildProgram().parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  // commander has printed what is wrong; its own status for that is 1, which is a guest's command's to give.
  process.exitCode = error.exitCode === 0 ? process.exitCode : EXIT.usage
}
