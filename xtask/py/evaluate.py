"""Reads one JSON request a line and writes one JSON answer a line, both as the JavaScript referee does.

A request is a case ({"config", "visitors"}, judged by the published Python SDK) or {"hash": [{"experience_id", "visitor_id"}]}.
"""

import json
import logging
import sys

from convert_sdk.config_loader.loader import load_snapshot
from convert_sdk.context import Context
from convert_sdk.evaluation.bucketing import get_bucket_value_for_visitor, murmurhash3_32


def fresh_context(snapshot, visitor):
    record = visitor.get("record") or {}
    return Context(
        visitor["visitor_id"],
        snapshot,
        visitor_attributes=visitor.get("attributes") or {},
        location_attributes=visitor.get("location") or {},
        bucketing=dict(record.get("bucketing") or {}),
    )


def describe(result):
    return {
        "experience_key": result.experience_key,
        "experience_id": result.experience_id,
        "variation_key": result.variation_key,
        "variation_id": result.variation_id,
    }


def carried_features(result, features):
    for change in result.variation.get("changes") or []:
        if change.get("type") != "fullStackFeature":
            continue
        feature = features.get(str(change["data"]["feature_id"]))
        if feature is not None:
            yield {
                "feature_key": feature["key"],
                "feature_id": str(feature["id"]),
                "experience_key": result.experience_key,
                "variation_key": result.variation_key,
                "variables": change["data"].get("variables_data") or {},
            }


def judge(snapshot, config, visitor):
    keys = [experience["key"] for experience in config.get("experiences", [])]
    features = {str(feature["id"]): feature for feature in config.get("features", [])}
    answer = {"visitor_id": visitor["visitor_id"], "experiences": [], "features": [], "undecided": {"gates": 0, "traffic": 0}, "throws": []}
    for key in keys:
        result = fresh_context(snapshot, visitor).run_experience(key, enable_tracking=False, enable_storage=False)
        if result is None:
            answer["undecided"]["gates"] += 1
        else:
            answer["experiences"].append(describe(result))
    # The pass over all experiences keeps what it assigns, so that mutual exclusion sees it further on.
    passing = fresh_context(snapshot, visitor)
    for key in keys:
        result = passing.run_experience(key, enable_tracking=False)
        if result is not None:
            answer["features"].extend(carried_features(result, features))
    if visitor.get("preview"):
        answer["preview"] = previewed(snapshot, keys, visitor)
    return answer


def previewed(snapshot, keys, visitor):
    context = fresh_context(snapshot, visitor)
    context.set_preview(visitor["preview"]["experience_id"], visitor["preview"]["variation_id"])
    results = [context.run_experience(key, enable_tracking=False) for key in keys]
    return [describe(result) for result in results if result is not None]


def answer_line(request):
    if "hash" in request:
        return [
            {
                "hash": murmurhash3_32(pair["experience_id"] + pair["visitor_id"]),
                "bucket_value": get_bucket_value_for_visitor(pair["visitor_id"], experience_id=pair["experience_id"]),
            }
            for pair in request["hash"]
        ]
    snapshot = load_snapshot(request["config"])
    return {"visitors": [judge(snapshot, request["config"], visitor) for visitor in request["visitors"]]}


def main():
    # Warnings of the SDK are about the cases, which are odd on purpose.
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            answer = answer_line(json.loads(line))
        except Exception as error:  # noqa: BLE001 - the caller decides what an exception of the referee means.
            answer = {"throws": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
