"""How schemathesis writes a body of NDJSON, of which it knows nothing."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    if isinstance(value, (str, bytes)):
        return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    rows = value if isinstance(value, list) else [value]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
