"""The probe skill: runs the probes that the input names and answers {probe: [verdict, detail]}."""

import os
import sys

import execution
import files
import harness
import kernel
import network
import privileges
import processes

MODULES = (execution, files, kernel, network, privileges, processes)

if __name__ == "__main__":
    if "SANDBOX_INPUT_FILE" in os.environ:
        answer = harness.main(open(os.environ["SANDBOX_INPUT_FILE"]).read())
        with open(os.environ["SANDBOX_OUTPUT"], "w") as output:
            output.write(answer)
    else:
        print(harness.main(sys.stdin.read()))
