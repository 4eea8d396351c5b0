"""The steps at which a process can die, in the order in which they are reached.

A sweep fails if the steps it sees are not these; every_step_test.py fails if a
step of the source is in none of these lists.
"""


def _of(change, *names):
    return [f"{change}/{name}" for name in names]


_MAKE = ("pending", "object", "known-answer", "enabled", "published")

START_BEGIN = ["start/begin"]
START_END = ["start/end"]
START = START_BEGIN + START_END
CREATE = _of("create", "begin", *_MAKE)
ROTATE = _of("rotate", "begin", *_MAKE)
UPDATE = ["update/begin", "change/stored", "update/published"]
MOVE = ["move/begin", "change/stored", "move/published"]
DESTROY_REST = _of("destroy", "marked", "object", "stored", "published")
DESTROY = ["destroy/begin"] + DESTROY_REST
RETIRE = ["retire/begin", "change/stored", "retire/published"]
TAKE_BACK = _of("take-back", "begin", "rows", "object")
RESUME = _of("resume", "begin", "reserved", "known-answer", "enabled",
             "published")
REGISTER = _of("register", "begin", "rows", "stored")
SHRED = _of("shred", "begin", "stored")
START_REWRAP = _of("rewrap-start", "begin", "stored")
# One pass over one chunk, and the pass that finds nothing.
REWRAP = _of("rewrap", "begin", "sealed", "stored", "begin", "ended")
SIGN = _of("signing", "begin", "recorded", "object", "stored")
# The end of the first job makes the pair that signs its report.
REPORT = SIGN + ["rewrap/reported"]
BACKUP = _of("backup", "copied", "signed", "written", "renamed")
PLACE = _of("place", "folded", "kept", "renamed")
RESTORE = _of("restore", "extracted", "edited") + PLACE
REBUILD = _of("rebuild", "sealed", "stored")
# Named for the sake of a table: who resumes has the object already.
UNREACHED = ["resume/object"]

# What the next start does after a death at a step that leaves work.
RECOVERY = {
    "create/pending": TAKE_BACK,
    "create/object": RESUME,
    "create/known-answer": RESUME,
    "rotate/pending": TAKE_BACK,
    "rotate/object": RESUME,
    "rotate/known-answer": RESUME,
    "destroy/marked": DESTROY_REST,
    "destroy/object": DESTROY_REST,
}

ALL = set(START + CREATE + ROTATE + UPDATE + MOVE + DESTROY + RETIRE +
          TAKE_BACK + RESUME + UNREACHED + REGISTER + SHRED + START_REWRAP +
          REWRAP + REPORT + BACKUP + RESTORE + REBUILD)
