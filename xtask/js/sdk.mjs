// Loads the published JavaScript SDK from an installation directory and runs it quietly: nothing is sent, logged or scheduled.
import { createRequire } from 'node:module';
import { join } from 'node:path';

export function loadSdk(directory) {
  const require = createRequire(join(directory, 'package.json'));
  const loaded = require('@convertcom/js-sdk');
  return loaded.default ?? loaded;
}

export function createCore(SDK, config, environment) {
  const options = { data: config, network: { tracking: false }, logger: { logLevel: 5 } };
  if (environment !== null && environment !== undefined) options.environment = environment;
  const core = new SDK(options);
  // Queued events would start a timer for every visitor; nothing here looks at them.
  core._apiManager.enqueue = () => {};
  return core;
}

export const clone = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

// JSON has no word for NaN and the infinities, which casts can yield.
export function plain(value) {
  if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value === undefined ? null : value;
}
