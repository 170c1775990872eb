// Reads one JSON case a line and writes one JSON answer a line. The first argument is the directory the SDK is installed in.
//
// Case: {"config", "environment", "visitors": [{"visitor_id", "attributes", "location", "record"?, "segments_call"?}]}
// Answer: {"visitors": [{"visitor_id", "experiences", "features", "undecided", "throws"?, "record_after"?}]}
import { createInterface } from 'node:readline';
import { clone, createCore, loadSdk, plain } from './sdk.mjs';

const SDK = loadSdk(process.argv[2]);
const NOT_DECIDED = 'convert.com_variation_not_decided';
const text = (value) => (value === null || value === undefined ? null : String(value));

// The SDK casts feature variables in place, so every pass over the features starts from the values the config was sent with.
function pristineVariables(config) {
  const restore = [];
  for (const experience of listOf(config.experiences)) {
    for (const variation of listOf(experience?.variations)) {
      for (const change of listOf(variation?.changes)) {
        const data = change?.data;
        if (data && typeof data === 'object' && data.variables_data && typeof data.variables_data === 'object') {
          const original = JSON.stringify(data.variables_data);
          restore.push(() => { data.variables_data = JSON.parse(original); });
        }
      }
    }
  }
  return () => restore.forEach((one) => one());
}

const listOf = (value) => (Array.isArray(value) ? value : []);

// Gives the visitor exactly the record of the request. The SDK keeps visitors in memory, so this is what a fresh one would see.
function freshContext(core, visitor) {
  core._dataManager.reset();
  if (visitor.record && Object.keys(visitor.record).length) {
    core._dataManager.putData(visitor.visitor_id, clone(visitor.record));
  }
  return core.createContext(visitor.visitor_id, {});
}

function callAttributes(visitor) {
  return {
    locationProperties: clone(visitor.location ?? {}),
    visitorProperties: clone(visitor.attributes ?? {}),
    enableTracking: false,
    enableStorage: false,
  };
}

function decideAlone(core, visitor, experience) {
  const context = freshContext(core, visitor);
  if (!visitor.visitor_id) return undefined;
  if (typeof experience?.key === 'string') return context.runExperience(experience.key, callAttributes(visitor));
  // An experience without a key can only be asked for by its id, which the context does not offer.
  const attributes = callAttributes(visitor);
  attributes.visitorProperties = context.getVisitorProperties(attributes.visitorProperties);
  attributes.environment = core._environment;
  return core._experienceManager.selectVariationById(visitor.visitor_id, experience?.id, attributes);
}

function experiencesOf(core, config, visitor, answer) {
  for (const experience of listOf(config.experiences)) {
    try {
      const decided = decideAlone(core, visitor, experience);
      if (decided === NOT_DECIDED) answer.undecided.traffic += 1;
      else if (!decided) answer.undecided.gates += 1;
      else if (typeof decided === 'string') answer.throws.push(`${experience?.key}: ${decided}`);
      else {
        answer.experiences.push({
          experience_key: experience.key ?? null,
          experience_id: text(decided.experienceId),
          variation_key: decided.key ?? null,
          variation_id: text(decided.id),
        });
      }
    } catch (error) {
      answer.throws.push(`${experience?.key}: ${error.message}`);
    }
  }
}

function featuresOf(core, config, visitor, answer) {
  try {
    const context = freshContext(core, visitor);
    const features = context.runFeatures(callAttributes(visitor)) ?? [];
    const stored = context.getVisitorData().bucketing ?? {};
    for (const feature of features) {
      if (feature.status !== 'enabled') continue;
      const experience = listOf(config.experiences).find((one) => text(one?.id) === text(feature.experienceId));
      const variation = listOf(experience?.variations).find((one) => one?.id === text(stored[String(experience.id)]));
      answer.features.push({
        feature_key: feature.key ?? null,
        feature_id: text(feature.id),
        experience_key: experience?.key ?? null,
        variation_key: variation?.key ?? null,
        variables: plain(feature.variables ?? {}),
      });
    }
    answer.record_after = plain(context.getVisitorData());
  } catch (error) {
    answer.throws.push(`features: ${error.message}`);
  }
}

function segmentsOf(core, visitor, answer) {
  const call = visitor.segments_call;
  if (!call) return;
  try {
    const context = freshContext(core, visitor);
    const attributes = call.attributes === undefined ? undefined : { ruleData: clone(call.attributes) };
    context.runCustomSegments(call.keys, attributes);
    answer.custom_segments = context.getVisitorData().segments?.customSegments ?? [];
  } catch (error) {
    answer.throws.push(`segments: ${error.message}`);
  }
}

function forcedOf(core, visitor, answer) {
  const call = visitor.force_variation;
  if (!call) return;
  const context = freshContext(core, visitor);
  const attributes = { ...callAttributes(visitor), forceVariationId: call.variation_id };
  const decided = context.runExperience(call.experience_key, attributes);
  answer.forced = decided && typeof decided === 'object' ? text(decided.id) : null;
}

function evaluate(request) {
  const { config, environment, visitors } = request;
  const core = createCore(SDK, config, environment);
  const restore = pristineVariables(config);
  return {
    visitors: visitors.map((visitor) => {
      const answer = { visitor_id: visitor.visitor_id, experiences: [], features: [], undecided: { gates: 0, traffic: 0 }, throws: [] };
      experiencesOf(core, config, visitor, answer);
      featuresOf(core, config, visitor, answer);
      restore();
      segmentsOf(core, visitor, answer);
      forcedOf(core, visitor, answer);
      return answer;
    }),
  };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (!line.trim()) continue;
  let answer;
  try {
    answer = evaluate(JSON.parse(line));
  } catch (error) {
    answer = { throws: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
