import type { Level } from "./facts.ts";

/** What stands before the alert in a syslog message. RFC 5424 section 6.2, RFC 3164 section 4.1. */

/** By number, from 0. RFC 5424 section 6.2.1; the names are those of rsyslog and syslog-ng. */
export const FACILITIES = [
  ...["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"],
  ...["ntp", "audit", "alert", "clock"],
  ...["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
] as const;

export const PROTOCOLS = ["rfc5424", "rfc3164"] as const;

/** Severity of the alert → severity of the message. What cannot be told counts as a warning, so that no filter drops it. */
const SEVERITY_NUMBERS: Readonly<Record<Level, number>> = {
  critical: 2,
  high: 3,
  medium: 4,
  low: 5,
  informational: 6,
  unknown: 4,
};

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** RFC 5424 section 6. */
const LONGEST = { hostname: 255, appName: 48, messageId: 32 };
/** RFC 3164 section 4.1.3. */
const LONGEST_TAG = 32;

export interface SyslogHeader {
  readonly protocol: (typeof PROTOCOLS)[number];
  readonly facility: (typeof FACILITIES)[number];
  readonly severity: Level;
  /** Milliseconds since the epoch; undefined when the alert has no time that can be read. */
  readonly timeMs: number | undefined;
  /** Milliseconds since the epoch, for RFC 3164, which cannot leave the time out. */
  readonly nowMs: number;
  readonly hostname: string;
  /** Who speaks; undefined where the alert's own notation begins with that, as CEF and LEEF do under RFC 3164. */
  readonly appName: string | undefined;
  /** What is spoken of: the source's name. */
  readonly messageId: string;
}

/**
 * `<163>1 2026-05-04T05:36:51.703Z forwarder alertferry - graph_alerts - ` or `<163>May  4 05:36:51 forwarder `, up to
 * where the alert begins. Times are UTC; rsyslog writes nonsense for more than 6 digits of a second. There is no
 * structured data, since private names need an enterprise number, and no byte order mark, which CEF readers stumble over.
 */
export function renderHeader(header: SyslogHeader): string {
  const priority = FACILITIES.indexOf(header.facility) * 8 + SEVERITY_NUMBERS[header.severity];
  const hostname = visible(header.hostname, LONGEST.hostname);
  if (header.protocol === "rfc3164") {
    const tag = header.appName === undefined ? "" : `${tagOf(header.appName)}: `;
    return `<${priority}>${bsdTime(header.timeMs ?? header.nowMs)} ${hostname} ${tag}`;
  }
  const time = header.timeMs === undefined ? "-" : new Date(header.timeMs).toISOString();
  const appName = visible(header.appName ?? "", LONGEST.appName);
  return `<${priority}>1 ${time} ${hostname} ${appName} - ${visible(header.messageId, LONGEST.messageId)} - `;
}

/** PRINTUSASCII, or the sign for nothing. */
function visible(text: string, longest: number): string {
  return text.replace(/[^\x21-\x7e]/g, "").slice(0, longest) || "-";
}

/** A tag ends at the first sign that is no letter or digit; what receivers take beyond that is kept. */
function tagOf(appName: string): string {
  return appName.replace(/[^A-Za-z0-9_.-]/g, "").slice(0, LONGEST_TAG) || "-";
}

/** `May  4 05:36:51` */
function bsdTime(ms: number): string {
  const time = new Date(ms);
  const day = String(time.getUTCDate()).padStart(2, " ");
  return `${MONTHS[time.getUTCMonth()]} ${day} ${time.toISOString().slice(11, 19)}`;
}
