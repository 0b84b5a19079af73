import { formatTicks, TICKS_PER_MS, type Ticks } from "../model/ticks.ts";
import type { Random } from "./random.ts";

/** The invented surroundings of one tenant's alerts: its people, devices and addresses. */
export interface Surroundings {
  readonly tenantId: string;
  /** `contoso.example` */
  readonly domain: string;
  readonly portal: string;
}

export interface Person {
  readonly account: string;
  readonly displayName: string;
  readonly upn: string;
  readonly sid: string;
  readonly objectId: string;
}

export interface Device {
  readonly name: string;
  readonly dnsName: string;
  readonly id: string;
  readonly platform: string;
  readonly build: number;
}

const PEOPLE = [
  "Amélie Fournier",
  "Jürgen Weiß",
  "Søren Ødegård",
  "Łucja Wiśniewska",
  "佐藤 美咲",
  "Иван Петров",
  "Nadia El-Sayed",
  "Robin Example",
  "Priya Raman",
  "Tomás Núñez",
  "Zoë O'Neill",
  "김서연",
] as const;
const PLATFORMS = ["Windows11", "Windows10", "WindowsServer2022", "Ubuntu", "macOS"] as const;
const ROLES = ["LAP", "WKS", "SRV", "DC", "KIOSK"] as const;

/**
 * Stands in an object for a number that JavaScript cannot hold: `writeJson` puts the digits into the text as they are.
 */
export function exactNumber(digits: string): string {
  return `#exact:${digits}#`;
}

/** JSON with exact numbers in their place. */
export function writeJson(value: object): string {
  const text = JSON.stringify(value);
  return text.includes("#exact:") ? text.replace(/"#exact:(-?[\d.]+)#"/g, "$1") : text;
}

export function person(random: Random, { domain }: Surroundings): Person {
  const index = random.whole(0, PEOPLE.length - 1);
  const number = random.whole(1, 8);
  const displayName = PEOPLE[index] ?? PEOPLE[0];
  const account = `user${index + 1}${number}`;
  return {
    account,
    displayName,
    upn: `${account}@${domain}`,
    sid: `S-1-5-21-1004336348-1177238915-682003330-${1000 + index * 10 + number}`,
    objectId: `0000000${number}-00aa-4000-8000-0000000000${String(index).padStart(2, "0")}`,
  };
}

export function device(random: Random, { domain }: Surroundings): Device {
  const index = random.whole(1, 60);
  const role = ROLES[index % ROLES.length] ?? "WKS";
  const name = `${role.toLowerCase()}-${String(index).padStart(4, "0")}`;
  return {
    name,
    dnsName: `${name}.corp.${domain}`,
    id: index.toString(16).padStart(40, "0a1b2c3d"),
    platform: PLATFORMS[index % PLATFORMS.length] ?? "Windows11",
    build: 19_000 + index * 37,
  };
}

/** An address of the ranges that documentation may use (RFC 5737, RFC 3849). */
export function address(random: Random): string {
  if (random.chance(0.1)) return `2001:db8::${random.hex(4)}:${random.hex(4)}`;
  return `${random.pick(["203.0.113", "198.51.100", "192.0.2"])}.${random.whole(1, 254)}`;
}

/**
 * An instant shortly before `at`, written with as many digits as one of the service's stores gives: most round to
 * 1/300 s as SQL's datetime does, which leaves 7 digits (`.3133333`) or 2; others keep 7, 1 or none.
 */
export function roundAsStored(at: Ticks, random: Random): Ticks {
  const kind = random.next();
  const perSecond = 10_000_000n;
  if (kind < 0.7) {
    const second = at / perSecond;
    const thirds = ((at - second * perSecond) * 300n) / perSecond;
    return second * perSecond + (thirds * perSecond + 150n) / 300n;
  }
  if (kind < 0.85) return at;
  return kind < 0.95 ? at - (at % (perSecond / 10n)) : at - (at % perSecond);
}

/** An instant up to `spanMs` before another, as text. */
export function before(at: Ticks, spanMs: number, random: Random): string {
  const back = BigInt(Math.floor(random.next() * spanMs)) * TICKS_PER_MS + BigInt(random.whole(0, 9999));
  return formatTicks(roundAsStored(at - back, random));
}

const ADVICE = [
  "A. Validate the alert.",
  "1. Check if the activity is part of a planned task of the owner of the device.",
  "2. Review the device timeline for suspicious activities that may have occurred before and after the time of the alert.",
  "\t• Look for the presence of relevant artifacts on other systems.",
  "\t• Identify the similarities and differences between the devices that may have been compromised.",
  "B. Scope the incident.",
  "3. Find related entities, such as files, addresses and accounts, and see on which other devices they occur.",
  "4. Submit relevant files for deep analysis and review the behaviour that the report describes in detail.",
  "C. Contain and mitigate the breach.",
  "5. Stop suspicious processes, isolate affected devices, decommission compromised accounts or reset their passwords.",
  "6. Contact the user to verify the intent \u2013 in person, if it cannot wait \u2013 and block the addresses at the perimeter.",
  "7. Ensure that the device has the latest security updates and run a full scan once it is clean again.",
] as const;

/** Several lines of advice with the line ends, tabs and dashes that real ones have. */
export function advice(random: Random): string {
  const lines = ADVICE.slice(0, random.whole(4, ADVICE.length));
  return lines.join(random.chance(0.5) ? "\r\n" : "\n");
}

/** A sentence with what makes text hard to carry: HTML, zero-width and replacement characters, quotes, symbols. */
export function oddSentence(random: Random): string {
  return random.pick([
    'See <a href="https://portal.example/learn?id=7&lang=en" target="_blank">the article</a> for details.',
    "The name\u200b of the file holds a zero-width\u200b space.",
    "Der Prozess wurde durch die Richtlinie \u201eMakros blockieren\u201c beendet.",
    "The organization\ufffds mail gateway let the message pass.",
    "検出されたファイルは隔離されました。",
    'Path: C:\\Users\\Public\\"quoted name"\\a|b=c.exe \u2028 next line',
    "Potential credential theft \ud83d\udd11 was seen on several devices.",
  ]);
}
