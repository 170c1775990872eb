// Times decisions of the published JavaScript SDK. The first argument is the directory it is installed in.
//
// First line: {"config", "environment", "flag", "visitors": [{"id", "attributes"}]}, answered by {"decided": [a variation's key or null]}.
// Then: {"call": "decide" | "build_and_decide", "repeats"}, answered by {"ns"}: the processor's time for one.
import { createInterface } from 'node:readline';
import { createCore, loadSdk } from './sdk.mjs';

const SDK = loadSdk(process.argv[2]);

// The SDK remembers what it decides, and nobody can tell it not to, so every pass starts with visitors it does not know.
function contextsOf({ core, visitors }) {
  core._dataManager.reset();
  return visitors.map((visitor) => core.createContext(visitor.id, { ...visitor.attributes }));
}

// Without properties of a location, even if empty, the SDK lets nobody in.
const OPTIONS = { locationProperties: {}, enableTracking: false, enableStorage: false };

const passes = {
  decide(stage) {
    const contexts = contextsOf(stage);
    return timed(() => {
      for (const context of contexts) context.runExperience(stage.flag, OPTIONS);
    });
  },
  build_and_decide(stage) {
    const { core, flag, visitors } = stage;
    core._dataManager.reset();
    return timed(() => {
      for (const visitor of visitors) core.createContext(visitor.id, { ...visitor.attributes }).runExperience(flag, OPTIONS);
    });
  },
};

// In nanoseconds, compilers and collectors on other threads included.
function timed(work) {
  const begin = process.cpuUsage();
  work();
  const used = process.cpuUsage(begin);
  return (used.user + used.system) * 1000;
}

function start({ config, environment, flag, visitors }) {
  const stage = { core: createCore(SDK, config, environment), flag, visitors };
  const decided = contextsOf(stage).map((context) => context.runExperience(flag, OPTIONS)?.key ?? null);
  return [stage, { decided }];
}

let stage;
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const request = JSON.parse(line);
  let answer;
  if (stage) {
    let ns = 0;
    for (let pass = 0; pass < request.repeats; pass += 1) ns += passes[request.call](stage);
    answer = { ns: ns / (request.repeats * stage.visitors.length) };
  } else {
    [stage, answer] = start(request);
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
