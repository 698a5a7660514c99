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
