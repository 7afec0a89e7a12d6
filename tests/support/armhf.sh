#!/bin/sh
# Read examples/scans as a board without onnxruntime does, and compare the rows with this machine's:
# Debian's own Python, NumPy, Pillow and click for 32-bit ARM read the source tree under qemu-user.
# It needs Debian, mmdebstrap and qemu-user, and downloads 40 MB from the mirror that apt uses.
#   tests/support/armhf.sh [RELEASE]
set -eu
release=${1:-trixie}
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | head -1)
work=$(mktemp -d) && chmod 755 "$work"  # apt reads it as a user of its own
trap 'rm -rf "$work"' EXIT
root=$work/root
mmdebstrap --quiet --architectures=armhf --variant=extract \
  --include=python3,python3-numpy,python3-pil,python3-click "$release" "$root" "$mirror"
[ -e "$root/lib" ] || ln -s usr/lib "$root/lib"  # a script of the packages makes it, and none was run
mkdir "$work/source"
git ls-files runtime examples | tar -cf - -T - | tar -xf - -C "$work/source"  # no compiled fit

libraries=$root/usr/lib/arm-linux-gnueabihf
python=$(ls "$root"/usr/bin/python3.[0-9]*)
on_arm() {  # the packages' scripts choose the BLAS too
  (cd "$work/source" && qemu-arm -L "$root" \
    -E "LD_LIBRARY_PATH=$libraries/blas:$libraries/lapack,PYTHONPATH=runtime" "$python" "$@")
}
on_arm -c '
import platform, click, numpy, PIL
from importlib.metadata import version
names = "numpy", "pillow", "click"
print(platform.machine(), "Python", platform.python_version(), *(f"{n} {version(n)}" for n in names))
'
on_arm -m tinydigits info | grep "run by"
on_arm -m tinydigits classify examples/scans --format csv >"$work/there.csv"
tinydigits classify examples/scans --format csv >"$work/here.csv"
python - "$work/there.csv" "$work/here.csv" <<'PYTHON'
import csv
import sys

there, here = (list(csv.DictReader(open(name))) for name in sys.argv[1:])
assert there and len(there) == len(here)
largest = 0.0
for one, other in zip(there, here):
    scores = [float(row.pop("score") or 0) for row in (one, other)]
    largest = max(largest, abs(scores[0] - scores[1]))
    assert one == other, (one, other)
assert largest <= 1e-5, largest
print(f"{len(there)} rows are the same; scores differ by at most {largest:.0e}")
PYTHON
