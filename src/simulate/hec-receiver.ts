import type { AckRules } from "./hec-acks.ts";
import type { HecEvent } from "./hec-events.ts";
import type { Listener, ListenerOptions } from "./listener.ts";

/** A token of the receiver. All but its value may change at run time. */
export interface HecToken {
  readonly value: string;
  useAck: boolean;
  disabled: boolean;
  /** Allowed indexes; undefined allows all. */
  indexes: readonly string[] | undefined;
}

/** What the receiver does instead of, or besides, its work, for the next `times` requests or until it is cleared. */
export type HecFault = { times?: number } & (
  | { readonly kind: "internal-error" }
  /** 503 with code 9; `storedEvents` of the request are stored all the same. */
  | { readonly kind: "busy"; readonly retryAfter?: string; readonly storedEvents?: number }
  | { readonly kind: "queue-full"; readonly retryAfter?: string }
  /** Stored, with the hint to slow down: 24 or 25. */
  | { readonly kind: "warning"; readonly code: 24 | 25 }
  | { readonly kind: "shutting-down" }
  | { readonly kind: "bad-gateway" }
  | { readonly kind: "hang" }
  | { readonly kind: "slow"; readonly delayMs: number }
  | { readonly kind: "reset-before-reading" }
  /** The events are stored, but the answer never arrives. */
  | { readonly kind: "store-and-reset" }
  | { readonly kind: "store-and-hang" }
  /** Refused with this code although nothing is wrong with the request. */
  | { readonly kind: "refuse"; readonly code: number; readonly eventNumber?: number }
);

/** An accepted event and its circumstances. */
export interface ReceivedEvent extends HecEvent {
  /** `bytes` as text; empty when only keys are kept. */
  readonly text: string;
  readonly token: string;
  readonly channel: string | undefined;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** Number of the request that brought it, from 1. */
  readonly request: number;
}

/**
 * How far a request has come, told in the very tick in which it comes there: `read` with nothing done about it yet,
 * `answered` when the answer has gone out, `gone` when its connection has let go of it and nothing is done about it any
 * more, answered or not.
 */
export interface HecStage {
  readonly stage: "read" | "answered" | "gone";
  readonly of: "events" | "acks";
  /** Requests for events are numbered from 1, as `ReceivedEvent.request` is; 0 for those that ask for acknowledgements. */
  readonly request: number;
  /** Of the answer; 0 before there is one. */
  readonly status: number;
}

/** A simulated Splunk HTTP Event Collector. */
export interface HecReceiver {
  readonly listener: Listener;
  readonly url: string;
  /** By value. */
  readonly tokens: Map<string, HecToken>;
  readonly ack: AckRules;
  fault: HecFault | undefined;
  /** Code of the health endpoint: 17, or 18 to 20. */
  health: 17 | 18 | 19 | 20;
  maxContentBytes: number;
  maxEventBytes: number;
  /** Events that are refused as malformed although they are not. */
  poison: ((event: HecEvent) => boolean) | undefined;
  /** Whether the events before a bad one are stored although the request is refused. */
  storesBeforeBad: boolean;
  /** Everything accepted so far, oldest first; empty when only keys are kept. */
  readonly events: readonly ReceivedEvent[];
  /** How often each `event_id` of the fields was accepted. */
  readonly keys: ReadonlyMap<string, number>;
  readonly counts: {
    readonly requests: number;
    readonly events: number;
    readonly bytes: number;
    readonly refused: number;
  };
  /** Answers by `status/code`, such as `503/9`. */
  readonly answers: ReadonlyMap<string, number>;
  onEvent(listener: (event: ReceivedEvent) => void): () => void;
  onStage(listener: (stage: HecStage) => void): () => void;
  /** Forgets all events and counts; channels stay. */
  clear(): void;
}

export interface HecOptions {
  readonly tokens: readonly (Pick<HecToken, "value"> & Partial<HecToken>)[];
  readonly tls?: ListenerOptions["tls"];
  readonly port?: number | undefined;
  /** `keys` keeps no texts, for large numbers of events, and checks only the brackets of each. */
  readonly keep?: "all" | "keys";
  readonly maxContentBytes?: number;
}
