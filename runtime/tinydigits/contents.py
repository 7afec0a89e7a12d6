"""Contents: the format of a file by its first bytes, whatever its name."""

import re

HEAD = 1024  # bytes that tell a format; a PDF may begin so late

# The first bytes of each format that is read, by Pillow's name for it.
_READ = re.compile(
    rb"(?P<PNG>\x89PNG\r\n\x1a\n)|(?P<JPEG>\xff\xd8\xff)|(?P<BMP>BM)|(?P<TIFF>II[*+]\0|MM\0[*+])"
    rb"|(?P<WEBP>RIFF.{4}WEBP)|(?P<GIF>GIF8[79]a)|(?P<PPM>P[1-6]\s)"
    rb"|(?P<AVIF>.{4}ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4}){0,12}?avi[fs]))"
    rb"|(?P<HEIF>.{4}ftyp(?:hei[cmsx]|hev[cmsx]|m[is]f1))"
    rb"|(?P<PDF>.{0,1019}?%PDF-)",
    re.DOTALL,
)
# Those of files that are taken for pictures and are not read, and what to do about them.
_UNREAD = (
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL picture", "save it as PNG or JPEG"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 picture", "save it as PNG or JPEG"),
    (rb"8BPS", "a Photoshop picture", "save it as PNG or JPEG"),
    (rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<svg", "an SVG drawing", "save it as PNG"),
    (rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ", "a video", "save its frames as pictures"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and name the folder"),
    (rb"Rar!\x1a\x07", "a RAR archive", "unpack it, and name the folder"),
    (rb"BZh[1-9]1AY|\xfd7zXZ\0", "a bzip2 or xz file", "unpack it, and name what is in it"),
    (rb"\x1f\x8b|\x28\xb5\x2f\xfd", "a gzip or zstd file", "name a tar .tar.gz or .tar.zst"),
    (rb"PK\x03\x04", "a zip archive", "let its name end in .zip"),
)


def format_of(data: bytes) -> str | None:
    """Return Pillow's name of the format, or `HEIF` or `PDF`; None for what is not read."""
    magic = _READ.match(data)
    return magic and magic.lastgroup


def other_kind(data: bytes) -> str | None:
    """Say what kind of file that is not read begins like this, and what to do about it."""
    for magic, what, advice in _UNREAD:
        if re.match(magic, data[:HEAD], re.DOTALL):
            return f"{what}, which is not read: {advice}"
    return None
