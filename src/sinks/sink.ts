import { z } from "zod";
import { type Alert, SEVERITIES } from "../model/alert.ts";
import type { Envelope, NonEmpty } from "../model/envelope.ts";
import { ByteSize, Duration } from "../net/options.ts";

/** What a sink reports of an accepted request. */
export interface Delivery {
  readonly bytes: number;
  /** Those of which something had to be cut away. */
  readonly shortened?: readonly Envelope[];
  /** The other side took everything but asks for less: the next request should wait a little. */
  readonly slowDown?: boolean;
}

/** Those of the alerts that were shortened, as a `Delivery` tells them. */
export function shortenedOf(
  envelopes: readonly Envelope[],
  rendered: readonly { readonly shortened: boolean }[],
): readonly Envelope[] {
  return envelopes.filter((_, index) => rendered[index]?.shortened === true);
}

/** Sends alerts to one place. `deliver` is called concurrently, up to the sink's `concurrency`, or `maxConcurrency`. */
export interface Sink {
  /**
   * Resolves only once the other side has acknowledged all of it. Does not retry, wait between tries or log:
   * throws DeliveryError with the right kind and lets the pipeline decide. Sends nothing after `signal`.
   */
  deliver(envelopes: NonEmpty<Envelope>, signal: AbortSignal): Promise<Delivery>;
  /** As close to a delivery as can be without leaving an event behind. Throws DeliveryError. */
  probe(signal: AbortSignal): Promise<void>;
  /** Called once, after the last delivery. */
  close(): Promise<void>;
}

/** The settings that every sink has besides its own. */
export function commonSettings(defaults: {
  maxAlerts: number;
  maxBytes: string;
  linger: string;
  concurrency: number;
}) {
  return {
    concurrency: z
      .int()
      .min(1)
      .max(64)
      .default(defaults.concurrency)
      .describe("How many requests may be under way at once."),
    maxConcurrency: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe(
        "What `concurrency` grows to, by one each time all of them were under way and their answers came no later; where they do, or fail, it shrinks again. For a receiver that is far away. Absent: it stays.",
      ),
    batch: z
      .strictObject({
        maxAlerts: z
          .int()
          .min(1)
          .max(10_000)
          .default(defaults.maxAlerts)
          .describe("The most alerts in one request."),
        maxBytes: ByteSize.prefault(defaults.maxBytes).describe(
          "The most bytes of alerts in one request, before compression. One larger alert goes alone.",
        ),
        linger: Duration.prefault(defaults.linger).describe(
          "How long a request that is not full waits for more alerts.",
        ),
      })
      .prefault({})
      .describe("How alerts are gathered into one request."),
    timeout: Duration.prefault("30s").describe("How long one request may take."),
    retry: z
      .strictObject({
        minDelay: Duration.prefault("1s").describe(
          "Bound of the first pause after a failure; it grows by half each time.",
        ),
        maxDelay: Duration.prefault("5m").describe("Bound of every pause, also of a blocked sink."),
      })
      .prefault({})
      .describe("How long the sink waits after a failure."),
    backlog: z
      .strictObject({
        maxBytes: ByteSize.prefault("1GB").describe(
          "How much may wait for the sink in Redis. What comes beyond stays at Microsoft as a gap and is read again once the sink has drained.",
        ),
      })
      .prefault({})
      .describe("What bounds an outage of the sink."),
    minSeverity: z
      .enum(SEVERITIES)
      .default("unknown")
      .describe("Alerts below this severity are not sent to this sink."),
  };
}

/** The most requests that may ever be under way at once. */
export function mostRequests({
  concurrency,
  maxConcurrency = concurrency,
}: Pick<CommonSettings, "concurrency" | "maxConcurrency">): number {
  return Math.max(concurrency, maxConcurrency);
}

/** The same for all sinks, as the pipeline sees it. */
export interface CommonSettings {
  readonly concurrency: number;
  readonly maxConcurrency?: number | undefined;
  readonly batch: { readonly maxAlerts: number; readonly maxBytes: number; readonly linger: number };
  readonly timeout: number;
  readonly retry: { readonly minDelay: number; readonly maxDelay: number };
  readonly backlog: { readonly maxBytes: number };
  readonly minSeverity: (typeof SEVERITIES)[number];
}

export interface SinkDefinition<Type extends string, Config extends z.ZodObject> {
  /** The name in the configuration. */
  readonly type: Type;
  readonly summary: string;
  /** All settings but `type`. The only description of them: types, checks, JSON Schema and reference come from it. */
  readonly Config: Config;
  /**
   * Which alerts the sink is to be given, by its own settings; without it all of them. Asked before an alert is
   * numbered, so that what is left out leaves no hole in the numbers.
   */
  accepts?(alert: Alert, config: z.output<Config>): boolean;
  /** Opens nothing yet; a wrong setting that zod cannot see (an unreadable file) throws DeliveryError at the first call. */
  create(config: z.output<Config>): Sink;
}

export function defineSink<const Type extends string, Config extends z.ZodObject>(
  definition: SinkDefinition<Type, Config>,
): SinkDefinition<Type, Config> {
  return definition;
}
