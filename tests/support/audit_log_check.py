"""A verifier of audit logs as docs/audit.md describes them, written without Writ's own: the second opinion of the tests.

check(path) returns the records of the log and raises where a line is not in its chain, or a head is not signed.
"""

import hashlib
import json

# Ed25519 as RFC 8032, 5.1 and its appendix have it: slow, and enough for a few heads.
P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ORDER = 2**252 + 27742317777372353535851937790883648493


def _x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    assert (x * x - square) % P == 0, "no point of the curve"
    return P - x if x % 2 != sign else x


def _point(data):
    number = int.from_bytes(data, "little")
    y = number & ((1 << 255) - 1)
    x = _x(y, number >> 255)
    return (x, y, 1, x * y % P)


def _add(a, b):
    one, two = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    three, four = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = two - one, four - three, four + three, two + one
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = _add(result, point)
        point, number = _add(point, point), number >> 1
    return result


BASE = _point(bytes.fromhex("58" + "66" * 31))


def signed(key, signature, message):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % ORDER
    left, right = _times(s, BASE), _add(_point(r), _times(k, _point(key)))
    return s < ORDER and (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def check(path, key=None, heads=3):
    """Of the heads the last `heads` are looked at in full."""
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b"", "the last line has no end"
    records, previous, found = [], bytes(32), []
    for number, line in enumerate(lines, start=1):
        body, hash_text = line[:-75], line[-75:]
        assert hash_text[:9] == b',"hash":"' and hash_text[73:] == b'"}', f"line {number} has no hash"
        digest = hashlib.sha256(previous + body).digest()
        assert digest.hex().encode() == hash_text[9:73], f"line {number} is not what was written"
        record = json.loads(line)
        assert record["v"] == 1 and record["seq"] == number, f"line {number} is record {record['seq']}"
        if record["event"] == "head":
            assert record["count"] == number - 1 and record["of"] == previous.hex()
            found.append((record, body[:body.rindex(b',"signature":"')]))
        records.append(record)
        previous = digest
    for record, message in found[-heads:]:
        assert key is None or record["key"] == key
        assert signed(bytes.fromhex(record["key"]), bytes.fromhex(record["signature"]), b"writ audit head 1\n" + message), \
            f"record {record['seq']} is not signed"
    return records
