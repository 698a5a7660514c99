// A client on hotsocket that is measured: see load.mjs. HOTSOCKET_TIER chooses the tier.
import { connect } from '../../dist/index.js'
import { runClient } from './load.mjs'

await runClient((url, onmessage, onclose) =>
  connect(url, {
    onmessage: (_connection, message) => onmessage(message.payload),
    onclose,
    // ws sends no pings, either.
    pingIntervalMs: 0
  })
)
