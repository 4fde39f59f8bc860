"""DER, enough of it to write certificates, right and wrong, and to take them apart."""
import datetime


def element(tag, *contents):
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(size)]) + size + content


def sequence(*contents):
    return element(0x30, *contents)


def integer(number):
    return element(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray()
    for number in [40 * first + second, *rest]:
        digits = [number & 0x7f]
        while number := number >> 7:
            digits.append(0x80 | (number & 0x7f))
        out += bytes(reversed(digits))
    return element(0x06, bytes(out))


def time(seconds):
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    if when.year < 2050:
        return element(0x17, when.strftime("%y%m%d%H%M%SZ").encode())
    return element(0x18, when.strftime("%Y%m%d%H%M%SZ").encode())


def split(content):
    """The elements one after another, each whole."""
    parts = []
    while content:
        head, length = 2, content[1]
        if length >= 0x80:
            head += length - 0x80
            length = int.from_bytes(content[2:head], "big")
        parts.append(content[:head + length])
        content = content[head + length:]
    return parts


def content_of(whole):
    length = whole[1]
    return whole[2 + (length - 0x80 if length >= 0x80 else 0):]
