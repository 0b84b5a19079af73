/** The tenant as receivers see it. */
export interface TenantName {
  /** The short name from the configuration: `contoso`. */
  readonly id: string;
  /** `Contoso Ltd`; the id where none is configured. */
  readonly name: string;
  /** The directory's GUID. */
  readonly tenantId: string;
}

/** One version of one alert on its way to one sink. */
export interface Envelope {
  readonly tenant: TenantName;
  /** `graph_alerts`, `mde_alerts` */
  readonly source: string;
  readonly alertId: string;
  readonly eventId: string;
  /** 1 for the first version of an alert that this tenant's source gave us, 2 for the next … */
  readonly revision: number;
  /** Gapless per tenant and sink, from 1, given when the alert was queued. */
  readonly seq: number;
  readonly replay: boolean;
  /** Last update, milliseconds since the epoch; undefined when the alert's own text is no instant. */
  readonly updatedMs: number | undefined;
  readonly device: string | undefined;
  /** The source's JSON in UTF-8, untouched. */
  readonly raw: Buffer;
}

export type NonEmpty<T> = readonly [T, ...T[]];

export function isNonEmpty<T>(list: readonly T[]): list is NonEmpty<T> {
  return list.length > 0;
}
