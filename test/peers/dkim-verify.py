# Verifies signed messages with dkimpy: reads {"records": {name: txt}, "messages": {case: base64}} and prints {case: [true, ...]}.
import base64, json, sys
import dkim

data = json.load(sys.stdin)


def txt(name, timeout=5):
    found = data["records"].get(name.decode() if isinstance(name, bytes) else name)
    found = found or data["records"].get((name.decode() if isinstance(name, bytes) else name).rstrip("."))
    return found.encode() if found else None


results = {}
for case, encoded in data["messages"].items():
    verifier = dkim.DKIM(base64.b64decode(encoded), minkey=1024)
    verdicts = []
    for i in range(data["signatures"]):
        try:
            verdicts.append(bool(verifier.verify(idx=i, dnsfunc=txt)))
        except Exception as error:
            verdicts.append(f"{type(error).__name__}: {error}")
    results[case] = verdicts
json.dump(results, sys.stdout)
