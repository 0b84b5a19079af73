/** What a browser, or a program, is answered. */
export interface PageReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What comes piece by piece is sent as it comes, for as long as the asker listens. */
  readonly body: string | Uint8Array | AsyncIterable<string>;
}
