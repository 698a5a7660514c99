// Owns the types of in-page.js.
/** A message as the page shows it. `lines`: the paragraphs below the sender's line. */
export interface ShownMessage {
  readonly isMine: boolean
  readonly sender: string
  readonly lines: readonly string[]
}
export function readMessages(items: unknown[]): ShownMessage[]
export function readFigures(items: unknown[]): Record<string, string>
export function describeFocus(): { id: string; isOutlined: boolean }
export function describeWidth(): { pageWidth: number; tooWide: string[] }
export function tryToConnect(url: string): Promise<'open' | number>
export function echoAll(job: {
  url: string
  texts: string[]
}): Promise<{ extensions: string; wrong: number[] }>
/**
 * Connects, sends messages and waits for each to come back, closes; `close` null waits for the server to do that. Resolves at
 * the end with the subprotocol (null: it did not open), the indices of the echoes that differ, and what the close event tells.
 */
export function converse(job: {
  url: string
  protocols?: string[]
  messages: (string | { base64: string })[]
  binaryType?: 'arraybuffer' | 'blob'
  close: { code: number | null; reason: string } | null
}): Promise<{
  protocol: string | null
  wrong: number[]
  closed: { code: number; reason: string; wasClean: boolean }
}>
export function hasColour(canvas: unknown, rgb: readonly number[]): boolean
