"""The lists of steps against the source: none is forgotten."""
import pathlib
import re
import unittest

import steps

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent / "src"
LITERAL = re.compile(r'CrashPoint\(\s*"([^"]+)"\s*\)')
# A row of a table of steps: .begin = "create/begin"
ROW = re.compile(r'\.[a-z_]+ = "([a-z-]+/[a-z-]+)"')


class EveryStep(unittest.TestCase):
    def test_each_step_of_the_source_is_swept(self):
        found = set()
        for path in SOURCE.rglob("*.cc"):
            text = path.read_text()
            found.update(LITERAL.findall(text))
            if "CrashPoint(" in text:
                found.update(ROW.findall(text))
        self.assertEqual(found, steps.ALL)

    def test_recovery_is_known_for_steps_that_are_there(self):
        self.assertLessEqual(set(steps.RECOVERY), steps.ALL)


if __name__ == "__main__":
    unittest.main()
