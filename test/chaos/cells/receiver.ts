import type { HecFault } from "../../../src/simulate/hec-receiver.ts";
import type { Cell, Trial } from "../cell.ts";
import { type PlayWishes, play } from "../play.ts";
import type { Stage } from "../stage.ts";

/** What a receiver can do to those who send to it. */
export const RECEIVER: readonly Cell[] = [
  {
    name: "receiver/down",
    what: "The receiver refuses connections for a while.",
    mayRepeat: false,
    run: (trial) =>
      onReceiver(trial, {}, async (stage) => {
        await stage.world.hec.listener.stop();
        stage.addFresh();
        await isFelt(stage);
        return () => stage.world.hec.listener.start();
      }),
  },
  faulty("receiver/hung", "The receiver takes requests and never answers, nor stores them.", () => ({
    kind: "hang",
  })),
  faulty("receiver/slow", "The receiver takes its time.", () => ({ kind: "slow", delayMs: 300 }), hasServed),
  faulty("receiver/resetting", "The receiver cuts connections before it reads them.", () => ({
    kind: "reset-before-reading",
  })),
  faulty("receiver/full", "The receiver answers 503 with code 9 (server is busy).", () => ({ kind: "busy" })),
  faulty("receiver/throttling", "The receiver answers 429 with code 26 (queue at capacity).", () => ({
    kind: "queue-full",
  })),
  lying("receiver/lying", "The receiver stores requests and cuts the connection before its 200.", () => ({
    kind: "store-and-reset",
  })),
  lying("receiver/lying-silent", "The receiver stores requests and never answers.", () => ({
    kind: "store-and-hang",
  })),
  lying(
    "receiver/lying-full",
    "The receiver answers 503 and stores a part of the request all the same.",
    (trial) => ({
      kind: "busy",
      storedEvents: trial.random.whole(1, 5),
    }),
  ),
  badEvent("receiver/bad-event", "One alert among 500 is refused as malformed.", false),
  badEvent("receiver/bad-event-half-stored", "The same, and those before it are stored all the same.", true),
  {
    name: "receiver/ack-lost",
    what: "The indexers lose requests that were answered with 200, and never acknowledge them.",
    mayRepeat: false,
    run: (trial) =>
      onReceiver(trial, { ack: true, sink: { ackTimeout: "1s" } }, async (stage) => {
        stage.world.hec.ack.mode = "lost";
        stage.addFresh();
        await isFelt(stage);
        return () => {
          stage.world.hec.ack.mode = "indexed";
        };
      }),
  },
  {
    name: "receiver/ack-reply-lost",
    what: "The connection is cut before an acknowledgement arrives, which is told only once.",
    mayRepeat: true,
    run: (trial) =>
      onReceiver(trial, { ack: true, sink: { ackTimeout: "1s" }, mayRepeat: true }, async (stage) => {
        const { ack } = stage.world.hec;
        ack.fault = { kind: "reset", times: trial.random.whole(1, 5) };
        stage.addFresh();
        await stage.until("acknowledgements were lost", () => ack.fault === undefined);
        stage.inFlight += stage.flight.unsettled;
        return () => undefined;
      }),
  },
];

type End = () => Promise<void> | void;

/** Alerts before, during and after the trouble; which end comes first, the daemon's start or the trouble, is chance. */
function onReceiver(
  trial: Trial,
  wishes: Partial<PlayWishes>,
  begin: (stage: Stage) => Promise<End>,
): ReturnType<Cell["run"]> {
  return play(trial, { redis: "embedded", mayRepeat: false, ...wishes }, async (stage) => {
    stage.addHistory();
    await stage.start();
    if (trial.random.chance(0.5))
      await stage.until("some have arrived", () => stage.world.hec.events.length > 0);
    const end = await begin(stage);
    stage.mark();
    await end();
    stage.addFresh();
  });
}

function faulty(
  name: string,
  what: string,
  fault: () => HecFault,
  felt: (stage: Stage) => Promise<void> = isFelt,
): Cell {
  return {
    name,
    what,
    mayRepeat: false,
    run: (trial) =>
      onReceiver(trial, {}, async (stage) => {
        stage.world.hec.fault = fault();
        stage.addFresh();
        await felt(stage);
        return () => {
          stage.world.hec.fault = undefined;
        };
      }),
  };
}

/** The receiver says something else than what it does, a few times. */
function lying(name: string, what: string, fault: (trial: Trial) => HecFault): Cell {
  return {
    name,
    what,
    mayRepeat: true,
    run: (trial) =>
      onReceiver(trial, { mayRepeat: true, sink: { timeout: "1s" } }, async (stage) => {
        const { hec } = stage.world;
        hec.fault = { ...fault(trial), times: trial.random.whole(1, 6) };
        stage.addFresh();
        await stage.until(
          "the receiver has lied",
          () => hec.fault === undefined && stage.flight.openRequests === 0,
        );
        stage.inFlight += stage.flight.denied;
        return () => undefined;
      }),
  };
}

function badEvent(name: string, what: string, storesBeforeBad: boolean): Cell {
  const batch = { maxAlerts: 500, maxBytes: "5MB" };
  return {
    name,
    what,
    mayRepeat: storesBeforeBad,
    run: (trial) =>
      play(
        trial,
        { redis: "embedded", mayRepeat: storesBeforeBad, sink: { batch }, poll: { pageSize: 1000 } },
        async (stage) => {
          const { hec, tenants } = stage.world;
          const [tenant] = tenants;
          const alerts = tenant?.add("graph_alerts", 500, { spreadMs: 3_600_000, size: "small" }) ?? [];
          const bad = alerts[trial.random.whole(0, alerts.length - 1)];
          if (bad === undefined) throw new Error("The simulated world has no alert to refuse.");
          stage.refused.add(bad);
          hec.storesBeforeBad = storesBeforeBad;
          hec.poison = ({ bytes }) => bytes.includes(`"id":"${bad.alertId}"`);
          await stage.start();
          await stage.until("the others have arrived", () => stage.world.balance().missing.length === 1);
          await stage.until("no request is open", () => stage.flight.openRequests === 0);
          stage.inFlight += stage.flight.denied;
          stage.addFresh();
        },
      ),
  };
}

/** The daemon has met the trouble, and has decided to wait. */
async function isFelt(stage: Stage): Promise<void> {
  const words = ["sink.opened", "deliver.retrying"];
  await stage.until("the daemon has felt it", () =>
    stage.daemon.log().some(({ event }) => words.includes(event)),
  );
}

async function hasServed(stage: Stage): Promise<void> {
  const before = stage.world.hec.counts.requests;
  await stage.until("slow requests were served", () => stage.world.hec.counts.requests > before + 4);
}
