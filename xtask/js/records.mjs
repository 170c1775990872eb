// Plays single calls of a visitor through the published JavaScript SDK, with a dataStore that keeps records in Redis.
// Arguments: the SDK's installation directory and Redis's port. Reads one JSON call a line, prints one JSON answer a line.
// Each call gets an SDK of its own, as if another machine made it: nothing is remembered but in Redis.
import { execFileSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { clone, loadSdk } from './sdk.mjs';

const SDK = loadSdk(process.argv[2]);
const port = process.argv[3];

// The SDK's dataStore is synchronous, which node's sockets are not: each access is a process of its own.
const redis = (args, input) => execFileSync('redis-cli', ['-p', port, '--raw', ...args], { input, encoding: 'utf8' });
const dataStore = {
  get(key) {
    const text = redis(['GET', key]).replace(/\n$/, '');
    return text === '' ? null : JSON.parse(text);
  },
  set(key, value) {
    redis(['-x', 'SET', key], JSON.stringify(value));
  },
};

async function play({ config, visitor, attributes, run, location, force, convert, segments, custom, rule }) {
  const core = new SDK({ data: clone(config), environment: 'staging', dataStore, logger: { logLevel: 5 } });
  await core.onReady();
  const events = [];
  core._apiManager.enqueue = (_, event) => events.push(clone(event));
  const context = core.createContext(visitor, clone(attributes ?? {}));
  let variation = null;
  if (run !== undefined) {
    const result = context.runExperience(run, {
      locationProperties: location ?? {},
      ...(force === undefined ? {} : { forceVariationId: force }),
    });
    variation = result?.id ?? null;
  }
  if (segments !== undefined) context.setDefaultSegments(clone(segments));
  if (custom !== undefined) context.runCustomSegments(custom, { ruleData: clone(rule ?? {}) });
  if (convert !== undefined) context.trackConversion(convert);
  // What it does a second later by itself.
  core._dataManager.dataStoreManager.releaseQueue('call');
  return { variation, events };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await play(JSON.parse(line))));
}
process.exit(0);
