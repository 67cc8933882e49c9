"""What the peers in Python share: the wish, which is JSON, and the walk over its files."""

import json
import sys


def make(one, refusal):
    """Makes a picture of each file and size; prints the numbers of the files that were refused."""
    wish = json.loads(sys.argv[1])
    refused = set()
    for time in range(wish["times"]):
        for at, path in enumerate(wish["files"]):
            try:
                for edge in wish["sizes"]:
                    made = one(path, edge)
                    if wish["out"] and time == 0:
                        with open(f"{wish['out']}/{at}-{edge}.jpg", "wb") as to:
                            to.write(made)
            except refusal:
                refused.add(at)
    print(json.dumps(sorted(refused)))
