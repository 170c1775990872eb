// Plays visitor scripts through the published JavaScript SDK and prints what it sends, captured on the loopback interface.
// Reads a JSON list of cases on standard input; prints, for each case, the path and the body of the one request it leads to.
import { createServer } from 'node:http';
import { clone, loadSdk } from './sdk.mjs';

const SDK = loadSdk(process.argv[2]);

function capture() {
  const received = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ path: request.url, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) });
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ server, received })));
}

function play(context, step) {
  if (step.run !== undefined) context.runExperience(step.run, { locationProperties: {}, visitorProperties: {} });
  if (step.segments !== undefined) context.setDefaultSegments(clone(step.segments));
  if (step.convert !== undefined) {
    const attributes = {};
    if (step.data !== undefined) attributes.conversionData = clone(step.data);
    if (step.rule !== undefined) attributes.ruleData = clone(step.rule);
    if (step.repeat) attributes.conversionSetting = { forceMultipleTransactions: true };
    context.trackConversion(step.convert, attributes);
  }
}

async function judge({ config, steps }) {
  const { server, received } = await capture();
  const track = `http://127.0.0.1:${server.address().port}`;
  const core = new SDK({
    data: clone(config),
    environment: 'staging',
    api: { endpoint: { track } },
    events: { batch_size: 1000, release_interval: 1e9 },
    logger: { logLevel: 5 },
  });
  await core.onReady();
  const contexts = new Map();
  for (const step of steps) {
    if (step.attributes !== undefined || !contexts.has(step.visitor)) {
      contexts.set(step.visitor, core.createContext(step.visitor, clone(step.attributes ?? {})));
    }
    play(contexts.get(step.visitor), step);
  }
  await core._apiManager.releaseQueue('fixture');
  server.close();
  server.closeAllConnections();
  if (received.length > 1) throw new Error('one release makes one request');
  return received[0] ?? null;
}

let input = '';
for await (const chunk of process.stdin) input += chunk;
const answers = [];
for (const one of JSON.parse(input)) answers.push(await judge(one));
console.log(JSON.stringify(answers));
process.exit(0);
