/** Counts what each client does, and says who must wait. */
export interface Rate {
  /** Counts one. @returns 0, or how many seconds the client must wait; then nothing was counted. */
  take(client: string): number;
  /** The same without counting. */
  wait(client: string): number;
}

export interface RateLimit {
  readonly perSecond: number;
  /** How many may come at once after a rest. */
  readonly burst: number;
}

/** Clients that are remembered; of more, those who were quiet for longest begin anew. Some 100 bytes each. */
const MAX_CLIENTS = 10_000;

/** A bucket for each client, which fills by and by. */
export function createRate(
  { perSecond, burst }: RateLimit,
  nowMs: () => number,
  maxClients = MAX_CLIENTS,
): Rate {
  const buckets = new Map<string, { readonly left: number; readonly atMs: number }>();

  function leftFor(client: string): number {
    const { left, atMs } = buckets.get(client) ?? { left: burst, atMs: 0 };
    return Math.min(burst, left + (Math.max(0, nowMs() - atMs) / 1000) * perSecond);
  }

  function wait(client: string): number {
    const left = leftFor(client);
    return left >= 1 ? 0 : Math.ceil((1 - left) / perSecond);
  }

  return {
    wait,
    take(client) {
      const seconds = wait(client);
      const left = leftFor(client) - (seconds === 0 ? 1 : 0);
      // Put behind all others, which a Map keeps in the order in which they came.
      buckets.delete(client);
      buckets.set(client, { left, atMs: nowMs() });
      const [oldest] = buckets.keys();
      if (buckets.size > maxClients && oldest !== undefined) buckets.delete(oldest);
      return seconds;
    },
  };
}

/** Whom an address belongs to: of IPv6 the network, since everyone has a whole one to choose addresses from. */
export function clientOf(address: string | undefined): string {
  const plain = (address ?? "").replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
  if (!plain.includes(":")) return plain;
  const [head = [], tail = []] = plain.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0");
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(":")}::/64`;
}
