// Owns the questions that a server has asked the others, until they are answered. Must not know what is asked.

interface Question {
  sum: number
  /** Answers that are still to come. */
  left: number
  readonly timer: NodeJS.Timeout
  readonly resolve: (sum: number) => void
}

/** Questions that all other servers answer with a number. */
export class Questions {
  readonly #open = new Map<number, Question>()
  readonly #timeoutMs: number
  #last = 0

  /** `timeoutMs`: how long an answer may take. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /**
   * Asks so many others; `send` gets the question's number. Resolves with the sum of the answers, when all are there or when time
   * is up.
   */
  ask(count: number, send: (number: number) => void): Promise<number> {
    if (count === 0) return Promise.resolve(0)
    this.#last = (this.#last % 0xffff_ffff) + 1
    const number = this.#last
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#close(number), this.#timeoutMs)
      this.#open.set(number, { sum: 0, left: count, timer, resolve })
      send(number)
    })
  }

  /** Another server has answered. */
  answer(number: number, answer: number): void {
    const question = this.#open.get(number)
    if (question === undefined) return
    question.sum += answer
    question.left--
    if (question.left === 0) this.#close(number)
  }

  /** Nobody will answer any more. */
  closeAll(): void {
    for (const number of [...this.#open.keys()]) this.#close(number)
  }

  #close(number: number): void {
    const { timer, sum, resolve } = this.#open.get(number)!
    clearTimeout(timer)
    this.#open.delete(number)
    resolve(sum)
  }
}
