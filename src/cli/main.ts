#!/usr/bin/env node
// Owns the start of the command line's process: its arguments, its streams, its exit code. Must not know any command.
import { runCommand } from './commands.js'

// A reader that goes away, as in `hotsocket --help | head -1`, is no failure.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

process.exitCode = await runCommand(process.argv.slice(2), process)
