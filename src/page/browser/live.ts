/** What is sent: see `Change` of ../parts.ts, which draws it. */
export interface Change {
  readonly at: string;
  readonly level: string;
  readonly says: string;
  readonly sections: Readonly<Record<string, string>>;
  readonly rows: Readonly<Record<string, string>>;
  readonly order?: readonly string[];
}

export interface Listener {
  changed(change: Change): void;
  /** Nothing comes any more. `signIn`: nothing will, until somebody signs in again. */
  lost(why: "away" | "signIn"): void;
}

/** The daemon says something every few seconds; a connection that is silent for so long is dead. */
const SILENT_MS = 15_000;
const AGAIN_MS = 2000;
const ANSWER_MS = 5000;

/** Listens for as long as the page is open, and comes back after whatever breaks it. */
export function listen({ changed, lost }: Listener): void {
  const source = new EventSource("api/events");
  let timer: ReturnType<typeof setTimeout>;

  function again(why: "away" | "signIn"): void {
    clearTimeout(timer);
    source.close();
    lost(why);
    setTimeout(() => listen({ changed, lost }), AGAIN_MS);
  }

  function expect(): void {
    clearTimeout(timer);
    timer = setTimeout(() => again("away"), SILENT_MS);
  }

  source.addEventListener("message", ({ data }) => {
    expect();
    changed(JSON.parse(data) as Change);
  });
  source.addEventListener("error", () => {
    clearTimeout(timer);
    source.close();
    // It does not say why: an answer of 401 tells, anything else is waited out.
    fetch("api/sinks", { method: "HEAD", signal: AbortSignal.timeout(ANSWER_MS) }).then(
      ({ status }) => again(status === 401 ? "signIn" : "away"),
      () => again("away"),
    );
  });
  expect();
}
