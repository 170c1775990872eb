"""Times decisions of the published Python SDK, line by line as decide.mjs does."""

import json
import logging
import sys
import time

from convert_sdk.config_loader.loader import load_snapshot
from convert_sdk.context import Context


class Stage:
    def __init__(self, request):
        self.snapshot = load_snapshot(request["config"])
        self.environment = request["environment"]
        self.flag = request["flag"]
        self.visitors = request["visitors"]
        self.contexts = [self.context(visitor) for visitor in self.visitors]

    def context(self, visitor):
        return Context(visitor["id"], self.snapshot, visitor_attributes=visitor["attributes"], environment=self.environment)

    def run(self, context):
        return context.run_experience(self.flag, enable_tracking=False, enable_storage=False)

    def decided(self):
        results = [self.run(context) for context in self.contexts]
        return [None if result is None else result.variation_key for result in results]

    def decide(self):
        for context in self.contexts:
            self.run(context)

    def build_and_decide(self):
        for visitor in self.visitors:
            self.run(self.context(visitor))

    def measure(self, call, repeats):
        work = {"decide": self.decide, "build_and_decide": self.build_and_decide}[call]
        begin = time.process_time_ns()
        for _ in range(repeats):
            work()
        return (time.process_time_ns() - begin) / (repeats * len(self.visitors))


def main():
    logging.disable(logging.CRITICAL)
    stage = None
    for line in sys.stdin:
        request = json.loads(line)
        if stage is None:
            stage = Stage(request)
            answer = {"decided": stage.decided()}
        else:
            answer = {"ns": stage.measure(request["call"], request["repeats"])}
        print(json.dumps(answer), flush=True)


main()
