import type { IncomingHttpHeaders } from "node:http";
import { onTestFinished } from "vitest";
import { startHec } from "../../src/simulate/hec.ts";
import type { HecOptions, HecReceiver } from "../../src/simulate/hec-receiver.ts";
import { listen, readBody, resetConnection } from "../../src/simulate/listener.ts";
import type { Sink } from "../../src/sinks/sink.ts";
import { splunkHec } from "../../src/sinks/splunk-hec.ts";

export const TOKEN = "5f3c1de8-0a53-4c0e-9d0a-3f2a7c1b9e55";
export const EVENT = "/services/collector/event";
export const ACK = "/services/collector/ack";

interface Visit {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

/**
 * What stands between the sink and the simulated receiver: a load balancer that a test writes itself. It keeps every
 * visit, and passes it on unless `answer` says something.
 */
export interface Front {
  readonly hec: HecReceiver;
  readonly url: string;
  readonly visits: readonly Visit[];
  visitsOf(path: string): readonly Visit[];
  /** An answer takes the place of the receiver's; `reset` breaks the connection, `hang` says nothing. */
  answer: ((visit: Visit, number: number) => Answer | "reset" | "hang" | undefined) | undefined;
  /** Cookies that are put on the receiver's answers. */
  cookies: ((visit: Visit) => string[]) | undefined;
  /** Keeps back what the receiver answers until the function given back is called. */
  hold(): () => void;
}

export async function aFront(options: Partial<HecOptions> = {}): Promise<Front> {
  const hec = await aReceiver(options);
  const visits: Visit[] = [];
  let gate: Promise<void> | undefined;
  const listener = await listen(async (request, response) => {
    const body = (await readBody(request, Number.POSITIVE_INFINITY)) ?? Buffer.alloc(0);
    const visit = { path: request.url ?? "", headers: request.headers, body };
    visits.push(visit);
    const said = front.answer?.(visit, visits.length);
    if (said === "hang") return;
    if (said === "reset") return resetConnection(request);
    const answer = said ?? (await passOn(hec, request.method ?? "GET", visit, front.cookies?.(visit) ?? []));
    await gate;
    response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
    response.end(answer.body ?? "");
  });
  onTestFinished(() => listener.stop());
  const front: Front = {
    hec,
    url: listener.origin,
    visits,
    visitsOf: (path) => visits.filter((visit) => visit.path === path),
    answer: undefined,
    cookies: undefined,
    hold: () => {
      let release = () => {};
      gate = new Promise((go) => {
        release = go;
      });
      return release;
    },
  };
  return front;
}

async function passOn(hec: HecReceiver, method: string, visit: Visit, cookies: string[]) {
  const { host: _, connection: __, "content-length": ___, ...headers } = visit.headers;
  const answer = await fetch(`${hec.url}${visit.path}`, {
    method,
    headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
    ...(method === "GET" ? {} : { body: new Uint8Array(visit.body) }),
  });
  return {
    status: answer.status,
    headers: cookies.length === 0 ? {} : { "set-cookie": cookies },
    body: await answer.text(),
  } satisfies Answer;
}

/** A simulated receiver that ends with the test. */
export async function aReceiver(options: Partial<HecOptions> = {}): Promise<HecReceiver> {
  const hec = await startHec({ tokens: [{ value: TOKEN }], ...options });
  onTestFinished(() => hec.listener.stop());
  return hec;
}

/** The real sink, configured as a user would. */
export function aSink(url: string, settings: Readonly<Record<string, unknown>> = {}): Sink {
  const sink = splunkHec.create(splunkHec.Config.parse({ url, token: TOKEN, ...settings }));
  onTestFinished(() => sink.close());
  return sink;
}
