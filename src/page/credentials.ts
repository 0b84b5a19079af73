import { listed, plural } from "../model/words.ts";
import type { CredentialStatus, Snapshot } from "../pipeline/snapshot.ts";
import type { Level } from "../pipeline/states.ts";
import { type Html, html } from "./html.ts";
import { mark } from "./marks.ts";
import { type Column, cell, none, part, row, rowHead, table } from "./table.ts";

const DAY_MS = 86_400_000;
/** The daemon warns from these on, too. */
const SOON_DAYS = 30;
const VERY_SOON_DAYS = 7;
const COLUMNS: readonly Column[] = [
  { title: "Credential" },
  { title: "State" },
  { title: "Last day", kind: "number" },
  { title: "Tenants" },
];
const NAMED = 3;

export function credentialsPart({ credentials, at }: Snapshot): Html {
  const title = "Credentials";
  if (credentials.length === 0)
    return part(
      "credentials",
      title,
      none("No end of a credential is known. Certificates tell it; for a secret, set auth.expires."),
    );
  const nowMs = Date.parse(at);
  return part(
    "credentials",
    title,
    table(
      title,
      COLUMNS,
      credentials.map((each) => credentialRow(each, nowMs)),
    ),
  );
}

function credentialRow({ credential, expires, tenants }: CredentialStatus, nowMs: number): Html {
  const days = Math.floor((Date.parse(expires) - nowMs) / DAY_MS);
  const names = tenants.slice(0, NAMED);
  const more = tenants.length - names.length;
  return row([
    rowHead(credential),
    cell("State", mark(levelAt(days), days < 0 ? "ended" : `${plural(days, "day")} left`)),
    // What ends at midnight was good for the day before.
    cell(
      "Last day",
      html`<time datetime="${expires}">${new Date(Date.parse(expires) - 1).toISOString().slice(0, 10)}</time>`,
      "number",
    ),
    cell("Tenants", listed(more > 0 ? [...names, `${more} more`] : names)),
  ]);
}

function levelAt(days: number): Level {
  if (days < VERY_SOON_DAYS) return days < 0 ? "trouble" : "attention";
  return days < SOON_DAYS ? "attention" : "well";
}
