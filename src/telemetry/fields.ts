import { DIAGNOSES, type Diagnosis } from "../model/diagnosis.ts";
import { ConfigError, DeliveryError, SourceError } from "../model/failure.ts";
import type { WindowText } from "../model/window.ts";

/** What may stand beside the sentence of an event. Never a secret, a token or an alert. */
export interface Fields {
  readonly tenant?: string;
  readonly source?: string;
  readonly sink?: string;
  readonly window?: WindowText;
  readonly alerts?: number;
  readonly duplicates?: number;
  readonly bytes?: number;
  readonly durationMs?: number;
  readonly attempt?: number;
  readonly attempts?: number;
  readonly retryInMs?: number;
  readonly reason?: string;
  readonly deadLetter?: string | undefined;
  readonly eventId?: string | undefined;
  readonly repeated?: number;
  readonly error?: ErrorFields;
  readonly [more: string]: unknown;
}

interface ErrorFields {
  readonly kind?: string | undefined;
  readonly code?: string | undefined;
  readonly status?: number | undefined;
  readonly message: string;
  readonly requestId?: string | undefined;
  readonly diagnosis?: Diagnosis;
  /** Who can mend it. */
  readonly actor?: string;
  readonly remedy?: string;
}

/** What a log line says of an error. The messages of our own errors hold no secret and no alert. */
export function errorFields(error: unknown): ErrorFields {
  if (error instanceof SourceError || error instanceof DeliveryError) {
    const { kind, code, status, message, requestId, diagnosis } = error;
    if (diagnosis === undefined) return { kind, code, status, message, requestId };
    const { actor, remedy } = DIAGNOSES[diagnosis];
    return { kind, code, status, message, requestId, diagnosis, actor, remedy };
  }
  if (error instanceof ConfigError) return { code: "config", message: error.message };
  if (!(error instanceof Error)) return { message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return { code, message: error.message };
}
