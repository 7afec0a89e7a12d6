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
_PICTURE = "which is not read: save it as PNG or JPEG"
_ARCHIVE = "which is not read: unpack it, and name the folder"
# Those of files that are taken for pictures and are not read, and what to do about them.
_UNREAD = {
    rb"\xff\x0a|\0\0\0\x0cJXL ": f"a JPEG XL picture, {_PICTURE}, as djxl does",
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": f"a JPEG 2000 picture, {_PICTURE}",
    rb"8BPS": f"a Photoshop picture, {_PICTURE}",
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<svg": f"an SVG drawing, {_PICTURE}",
    rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ": "a video, which is not read: save its frames",
    rb"7z\xbc\xaf\x27\x1c": f"a 7z archive, {_ARCHIVE}",
    rb"Rar!\x1a\x07": f"a RAR archive, {_ARCHIVE}",
    rb"BZh[1-9]1AY|\xfd7zXZ\0": f"a bzip2 or xz file, {_ARCHIVE}",
    rb"\x1f\x8b|\x28\xb5\x2f\xfd": "a compressed file: a tar has to end in .tar.gz or .tar.zst",
    rb"PK\x03\x04": "a zip archive or an office document: rename an archive so that it ends in "
    ".zip, and save a document as PDF",
}


def format_of(data: bytes) -> str | None:
    """Return Pillow's name of the format, or `HEIF` or `PDF`; None for what is not read."""
    magic = _READ.match(data)
    return magic and magic.lastgroup


def other_kind(data: bytes) -> str | None:
    """Say what kind of file that is not read begins like this, and what to do about it."""
    matching = (what for magic, what in _UNREAD.items() if re.match(magic, data[:HEAD], re.DOTALL))
    return next(matching, None)
