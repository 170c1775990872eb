// Reads [{"experience_id", "visitor_id"}] from standard input and writes the hash and the bucket value of each.
import { createCore, loadSdk } from './sdk.mjs';

const SDK = loadSdk(process.argv[2]);
const core = createCore(SDK, { account_id: '1', project: { id: '1' } }, 'staging');
const bucketing = core._dataManager._bucketingManager;

let input = '';
for await (const chunk of process.stdin) input += chunk;
const buckets = bucketing._max_traffic;
const answers = JSON.parse(input).map(({ experience_id: experienceId, visitor_id: visitorId }) => {
  // With as many buckets as there are hashes the bucket value is the hash itself.
  bucketing._max_traffic = 4294967296;
  const hash = bucketing.getValueVisitorBased(visitorId, { experienceId });
  bucketing._max_traffic = buckets;
  return { hash, bucket_value: bucketing.getValueVisitorBased(visitorId, { experienceId }) };
});
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
