/** A digital shadow of a recording: motion capture, replayed at its own pace, beside a predictor. */
import { Consumer, parseBrokerUrl } from '../amqp/index.js';
import { type Captured, type RunReport, runSystem } from '../master/index.js';
import { type ReplayReport, replayFile } from '../replay/index.js';
import { type BridgeTraffic, type RunSummary, readTraffic, summariseRun, trafficOutputs } from './bridge-traffic.js';
import { example } from './paths.js';
import { type DemoOptions, setStage } from './stage.js';
import { type Summary, scale, summarise } from './statistics.js';

const EXCHANGE = { name: 'mocap', type: 'topic', durable: false, declare: 'active' } as const;
const DEFAULT_DURATION = 31;
/** A gap of the outputs at least this long counts as ridden over by maxage, s. */
const GAP_SECONDS = 0.1;

export interface ShadowReport {
  readonly demo: 'shadow';
  readonly broker: string;
  readonly recording: string;
  readonly replay: Pick<ReplayReport, 'messagesSent' | 'confirmed' | 'lagMs' | 'rowsOfEqualTime'>;
  readonly messages: BridgeTraffic;
  /** Measured against predicted position, mm. */
  readonly deviationMm: Summary;
  /** Stretches in which maxage kept the last sample, of at least 100 ms. */
  readonly gaps: { readonly count: number; readonly longestSeconds: number; readonly heldSteps: number };
  readonly dataAgeMs: Summary;
  readonly run: RunSummary;
  readonly resultFile: string;
}

const CAPTURED = ['predictor.deviation', 'rig.data_age', 'rig.held'] as const;
type Column = (typeof CAPTURED)[number];

export async function runShadow(options: DemoOptions = {}): Promise<ShadowReport> {
  const recording = example('shadow', 'mocap-fr2-desk-slice.csv');
  const stage = await setStage('shadow', 'rig.fmu', options);
  const over = new AbortController();
  const ready = await bridgeReady(stage.brokerUrl);
  try {
    // The bridge says when it receives: the player starts then, so that no message is lost.
    const replay = ready.promise.then(() =>
      replayFile({
        file: recording,
        target: {
          broker: stage.brokerUrl,
          exchange: EXCHANGE.name,
          exchangeType: EXCHANGE.type,
          routingKey: 'mocap.pose',
        },
        signal: over.signal,
      }),
    );
    const run = runSystem(stage.system, {
      stop: Math.min(options.duration ?? DEFAULT_DURATION, DEFAULT_DURATION),
      results: stage.resultFile,
      capture: [...CAPTURED, ...trafficOutputs('rig')],
      watch: ['predictor.deviation', 'rig.data_age', 'rig.skipped'],
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      ...(options.onLog === undefined ? {} : { onLog: options.onLog }),
    });
    const report = await Promise.race([run, replay.then(() => run)]);
    over.abort();
    return toReport(stage, report, await replay);
  } finally {
    over.abort();
    await ready.close();
    await stage.close();
  }
}

/** Listens for the bridge's announcement. */
async function bridgeReady(brokerUrl: string): Promise<{ promise: Promise<void>; close(): Promise<void> }> {
  let announce: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    announce = resolve;
  });
  const consumer = await Consumer.open({
    address: parseBrokerUrl(brokerUrl),
    connectionName: 'twinbridge demo (waiting for the bridge)',
    exchanges: [EXCHANGE],
    queue: { name: '', exclusive: true, durable: false, autoDelete: true, arguments: {} },
    bindings: [{ exchange: EXCHANGE.name, key: 'mocap.status' }],
    prefetch: 1,
    onDelivery: (delivery) => {
      consumer.ack(delivery.receipt);
      announce();
    },
    onEvent: () => {},
  });
  return { promise, close: () => consumer.close() };
}

function toReport(
  stage: { brokerName: string; resultFile: string },
  run: RunReport,
  replay: ReplayReport,
): ShadowReport {
  const captured = run.captured as Captured;
  const column = (name: Column): Float64Array => captured.columns[name] as Float64Array;
  return {
    demo: 'shadow',
    broker: stage.brokerName,
    recording: 'mocap-fr2-desk-slice.csv',
    replay: {
      messagesSent: replay.messagesSent,
      confirmed: replay.confirmed,
      lagMs: replay.lagMs,
      rowsOfEqualTime: replay.rowsOfEqualTime,
    },
    messages: readTraffic(captured, 'rig'),
    deviationMm: scale(summarise(column('predictor.deviation')), 1000),
    gaps: { ...findGaps(column('rig.data_age')), heldSteps: column('rig.held').at(-1) ?? 0 },
    dataAgeMs: scale(summarise(column('rig.data_age')), 1000),
    run: summariseRun(run),
    resultFile: stage.resultFile,
  };
}

/** A gap ends where the age falls again; its length is the age reached. */
function findGaps(ages: Float64Array): { count: number; longestSeconds: number } {
  let count = 0;
  let longestSeconds = 0;
  for (let i = 0; i < ages.length; i++) {
    const age = ages[i] as number;
    const isPeak = i + 1 === ages.length || (ages[i + 1] as number) < age;
    if (!isPeak || age < GAP_SECONDS) continue;
    count++;
    longestSeconds = Math.max(longestSeconds, age);
  }
  return { count, longestSeconds };
}
