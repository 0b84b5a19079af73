import type { Alert, Unreadable } from "../model/alert.ts";
import type { SourceError } from "../model/failure.ts";
import type { Ticks } from "../model/ticks.ts";
import type { Span } from "../model/window.ts";
import type { Api } from "../net/api.ts";
import type { Room } from "../net/room.ts";

/** A part of a span that was read whole: everything the source has with an update time before `to`. */
export interface Slice {
  readonly to: Ticks;
  readonly alerts: readonly Alert[];
  readonly unreadable: readonly Unreadable[];
  /** Why this part could not be read, where it was stepped over; then the slice is empty, and is not whole. */
  readonly failed?: SourceError;
}

/** The time of an alert that a span speaks of. */
export type TimeOf = "updated" | "created";

/** How a span is read, where it is not as usual. */
export interface ReadHow {
  /** The time that counts; without it the last update. */
  readonly by?: TimeOf;
  /** Parts that are not asked for: each comes as an empty slice. */
  readonly passOver?: readonly Span[];
  /** Whether a tick that fails while others are given out is stepped over, as a slice that says `failed`. */
  readonly stepOver?: boolean;
}

/** Why an alert stays as its list tells it. `changed`: it is another version by now, which comes by itself. */
export type Incomplete = "failed" | "too-large" | "changed";

/** Reads one tenant. Knows nothing of queues, cursors or other tenants. */
export interface Source {
  /**
   * Yields the span in slices, oldest first, each only when it is complete, so that whoever has put a slice in
   * safety may go on from its `to`. May yield an alert twice; must not skip one. Reads may run at the same time.
   * The bytes of a slice's alerts (`raw`) are there until the next slice is asked for; who keeps one longer keeps a copy.
   * Throws SourceError; what was yielded before stands.
   */
  read(span: Span, signal: AbortSignal, how?: ReadHow): AsyncIterable<Slice>;
  /**
   * The same version of an alert as the source tells it by itself, with what the list leaves out, or why it is not to be
   * had so within `maxBytes`. Absent where the list tells all that is wanted.
   *
   * @throws SourceError only when the source asks to wait.
   */
  complete?(alert: Alert, maxBytes: number, signal: AbortSignal): Promise<Alert | Incomplete>;
  /** Reads one small page. Resolves with the number of alerts in it; throws SourceError. */
  probe(signal: AbortSignal): Promise<number>;
}

/** What a source may use to speak for its tenant. Tokens, proxies and certificates are behind it. */
export interface TenantAccess {
  readonly tenantId: string;
  readonly graph: Api;
  readonly defender: Api;
  /** Where pages are received, by turns with all other tenants'. */
  readonly room: Room;
  /** The most alerts to ask for in one answer. */
  readonly pageSize: number;
  /** Whether incidents are wanted with the alerts in them. */
  readonly incidentAlerts: boolean;
}

/** The APIs by the names that Entra shows them under. */
export const API_NAMES = { graph: "Microsoft Graph", defender: "WindowsDefenderATP" } as const;
export type ApiName = keyof typeof API_NAMES;

/**
 * Calls that an application may make in one tenant (learn.microsoft.com/graph/throttling-limits, security;
 * learn.microsoft.com/defender-endpoint/api/get-alerts, limitations).
 */
export const CALL_LIMITS: Readonly<
  Record<ApiName, { readonly perMinute: number; readonly perHour?: number }>
> = {
  graph: { perMinute: 150 },
  defender: { perMinute: 100, perHour: 1500 },
};

export interface SourceDefinition<Type extends string = string> {
  /** The name in the configuration, in metrics and in events. */
  readonly type: Type;
  readonly summary: string;
  /** Which of the APIs of `TenantAccess` it reads. */
  readonly api: ApiName;
  /** The application role that the tenant must have granted, as tokens name it. */
  readonly role: string;
  create(access: TenantAccess): Source;
}

export function defineSource<const Type extends string>(
  definition: SourceDefinition<Type>,
): SourceDefinition<Type> {
  return definition;
}

/** The application permission that a source needs, as the app registration shows it. */
export function permissionOf({ role, api }: Pick<SourceDefinition, "role" | "api">): string {
  return `${role} (${API_NAMES[api]})`;
}
