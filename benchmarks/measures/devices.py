"""Flash, memory and cycles of the C formats on simulated microcontrollers."""

from benchmarks.harness.plan import Plan, artefact, bundle, data
from benchmarks.harness.results import Finding, Table, Value, columns
from tinydigits_export.devices.camera import FRAMES, SIZES, Needs, measured_frames
from tinydigits_export.devices.table import IMAGES, IMAGES_BY_ROW, Measured, TooSmall, measured_file

COLUMNS = columns(
    "file; device; flash, B:,d; static, B:,d; stack, B:,d; mean cycles:,d; worst:,d; ms:,.2f",
    "at MHz:,.1f",
)
CAMERA = columns(
    "file; frame; device; flash, B:,d; workspace, B:,d; static, B:,d; stack, B:,d; mean cycles:,d; "
    "worst:,d; ms:,.1f; at MHz:,.1f"
)
READER = "light"  # the network whose camera is measured


def measure(plan: Plan) -> Finding:
    images = data(plan).test.images[: 3 if plan.short else IMAGES]
    rows: list[tuple[Value, ...]] = []
    refused: list[str] = []
    for name in plan.names:
        file = artefact(name, "c")
        folder = bundle(plan, name)
        plan.say(f"{file}: in simulation")
        for row in measured_file(folder / file, images):
            if isinstance(row, TooSmall):
                refused.append(f"{file}: {row.reason}")
            else:
                figures = (row.flash, row.static, row.stack, round(row.mean), row.worst)
                rows.append((file, row.target.name, *figures, *_speed(row)))
    name = READER if READER in plan.names else plan.names[0]
    plan.say(f"{name}: with a camera, in simulation")
    sizes, frames = (SIZES[:1], 1) if plan.short else (SIZES, FRAMES)
    seen = [
        (
            *(row.file, "×".join(map(str, row.size)), row.target.name, row.flash, row.workspace),
            *(row.static, row.stack, round(row.mean), row.worst, *_speed(row)),
        )
        for row in measured_frames(bundle(plan, name), name, images[:frames], sizes)
    ]
    return Finding(
        "devices",
        what="The needs of the C formats on microcontrollers: flash for code and weights, static "
        "variables and stack beside the image, and cycles for one image (on Cortex-M: "
        "instructions; on CH32V003: estimated from what others measured of its instructions). "
        "`worst` is an image full of ink, or the slowest one. For `tiny`, "
        "flash and variables include the whole program. From a camera's frame, the fit alone and "
        "with the network: the frame takes width × height bytes beside the workspace, and `worst` "
        "is a frame of noise, or the slowest one. "
        + (f"Some do not fit: {'; '.join(refused)}." if refused else ""),
        on=f"{len(images)} MNIST test digits; `conv`, `light` and `small` on "
        f"{min(len(images), IMAGES_BY_ROW)}; "
        f"frames with {frames} of them, drawn dark on paper",
        how="each image once, in simulators that count; every run gives the same figures",
        tables=(
            Table("devices", "in simulation", COLUMNS, tuple(rows)),
            Table("devices camera", "from a grey frame, in simulation", CAMERA, tuple(seen)),
        ),
    )


def _speed(row: Measured | Needs) -> tuple[float, float]:
    """Return the milliseconds for an image, and the MHz at which it takes them."""
    return row.target.milliseconds(row.mean), row.target.clock / 1e6
