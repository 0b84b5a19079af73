import type { Envelope } from "../model/envelope.ts";

/** An alert in a standard notation. */
export interface Rendered {
  /** One line: well-formed text without line breaks or other control characters, at most as long as was asked for. */
  readonly text: string;
  /** Whether anything was cut or left out to fit the limit; the text itself says so too. */
  readonly shortened: boolean;
}

/** A standard notation that more than one sink may use. It renders and never sends. */
export interface Format<Name extends string = string> {
  readonly name: Name;
  readonly summary: string;
  /**
   * Total: whatever the source wrote, there is a line that a receiver can read. Shortened field by field where it is
   * longer than `maxBytes` (UTF-8), never in the middle of a character or an escape.
   */
  render(envelope: Envelope, maxBytes: number): Rendered;
}
