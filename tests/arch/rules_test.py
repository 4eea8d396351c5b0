#!/usr/bin/env python3
"""A rule that cannot fail is no rule: each one is shown a tree that breaks it."""
import pathlib
import tempfile
import unittest

import present
import rules


class EachRuleFindsItsViolation(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.write("CMakeLists.txt", "".join(
            f"strongroom_module({name} {deps})\n" for name, deps in [
                ("base", ""), ("hsm", "DEPS base"),
                ("batching", "DEPS base PRIVATE_DEPS hsm"),
                ("store", "DEPS base"), ("service", "DEPS batching store"),
                ("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", ""),
                ("f", ""), ("g", "")]))

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def assert_found(self, rule, word):
        self.assertIn(word, "\n".join(rules.RULES[rule](self.root)))

    def assert_holds(self, rule):
        self.assertEqual(rules.RULES[rule](self.root), [])

    def test_every_rule_is_a_test(self):
        listed = (pathlib.Path(__file__).parent / "CMakeLists.txt").read_text()
        for rule in rules.RULES:
            self.assertRegex(listed, rf"\b{rule}\b")

    def test_an_upward_include(self):
        self.write("src/hsm/x.cc", '#include "strongroom/batching/engine.h"\n')
        self.assert_found("layers", "hsm may not include")

    def test_a_module_that_is_reached_and_not_named(self):
        self.write("src/service/x.cc", '#include "strongroom/hsm/device.h"\n')
        self.assert_found("layers", "row does not name hsm")

    def test_a_private_dependence_in_a_promise(self):
        self.write("src/batching/x.cc", '#include "strongroom/hsm/device.h"\n')
        self.assert_holds("layers")
        self.write("include/strongroom/batching/x.h",
                   '#include "strongroom/hsm/device.h"\n')
        self.assert_found("layers", "one of batching's PRIVATE_DEPS")

    def test_rows_of_the_store_above_the_registry(self):
        self.write("src/service/x.cc", '#include "strongroom/store/store.h"\n')
        self.assert_found("rows_stay_below", "service may not read rows")

    def test_a_class_spread_over_sources(self):
        self.write("src/hsm/x.h", "class SR_CAPABILITY(\"x\") Pool {\n};\n")
        self.write("src/hsm/x.cc", "void Pool::Run() {}\nint x = Pool::Get();\n")
        self.write("src/hsm/y.cc", "int y = Pool::Get();\n")
        self.assert_holds("one_source_a_class")
        self.write("src/hsm/y.cc", "std::vector<int>\nhsm::Pool::All() {\n}\n")
        self.assert_found("one_source_a_class", "hsm: class Pool is spread over")

    def test_what_is_made_and_ended_by_hand(self):
        for line in ("auto* x = new X(1);", "std::function<X*()> f = [] { return "
                     "new X; };", "delete x;", "Wrapped<X> x(new X);"):
            self.write("src/hsm/x.cc", line + "\n")
            self.assert_found("owners_are_named", "src/hsm/x.cc")
        self.write("src/hsm/x.cc",
                   "std::unique_ptr<X> x(\n    new X(1));\n"
                   "static const X& x = *new X;\n"
                   "X(const X&) = delete;  // nothing new\n"
                   'Say("a new one; delete it");\n#include <new>\n')
        self.assert_holds("owners_are_named")

    def test_a_long_file_without_a_reason(self):
        self.write("src/hsm/x.cc", "int x;\n" * 401)
        self.assert_found("long_files_say_why", "401 lines and no reason")
        self.write("src/hsm/x.cc", "// Long" " because of y.\n" + "int x;\n" * 401)
        self.assert_holds("long_files_say_why")

    def test_a_door_in_the_service(self):
        self.write("include/strongroom/service/x.h", "// gRPC calls this.\n")
        self.assert_found("no_door_in_service", "gRPC calls this")

    def test_another_header_before_the_own_one(self):
        for header, source in (("src/hsm/x.h", "hsm/x.h"),
                               ("include/strongroom/hsm/x.h", "strongroom/hsm/x.h")):
            self.write(header, "")
            self.write("src/hsm/x.cc",
                       f'// Why.\n#include "{source}"\n\n#include <map>\n')
            self.assert_holds("own_header_first")
            self.write("src/hsm/x.cc", f'#include <map>\n\n#include "{source}"\n')
            self.assert_found("own_header_first", f"does not include {source} first")
            (self.root / header).unlink()

    def test_a_violation_that_is_mended_leaves_the_list(self):
        present.PRESENT["a_rule"] = ["src/x.cc: old"]
        self.addCleanup(present.PRESENT.pop, "a_rule")
        found = [f"{self.root}/src/x.cc: old fault"]
        self.assertEqual(present.beyond("a_rule", self.root, found), [])
        self.assertIn("mended: remove", present.beyond("a_rule", self.root, [])[0])
        found.append(f"{self.root}/src/y.cc: new fault")
        self.assertEqual(present.beyond("a_rule", self.root, found),
                         ["src/y.cc: new fault"])

    def test_another_modules_private_header(self):
        self.write("include/strongroom/hsm/device.h", "")
        self.write("src/batching/x.cc", '#include "hsm/private.h"\n')
        self.assert_found("layers", "private header of hsm")

    def test_a_module_above_the_device_that_links_pkcs11(self):
        self.write("CMakeLists.txt",
                   "strongroom_module(base)\n"
                   "strongroom_module(hsm DEPS base PRIVATE_LINKS PkgConfig::P11KIT)\n"
                   "strongroom_module(hsm_pkcs11 DIR hsm/pkcs11 DEPS base hsm)\n"
                   "strongroom_module(keyring DEPS base hsm_pkcs11)\n"
                   "strongroom_module(service DEPS keyring)\n")
        self.assert_found("pkcs11_links", "['keyring'] name hsm_pkcs11")
        self.assert_found("pkcs11_links", "hsm links P11KIT")
        self.assert_found("pkcs11_links", "service links hsm_pkcs11")

    def test_the_insides_of_the_pkcs11_device(self):
        self.write("src/batching/x.cc", '#include "hsm/pkcs11/module.h"\n')
        self.assert_found("layers", "private header of hsm_pkcs11")

    def test_a_foreign_header_in_include(self):
        self.write("include/strongroom/base/x.h", "#include <grpcpp/grpcpp.h>\n")
        self.assert_found("foreign_headers", "grpcpp")

    def test_cryptoki_above_the_device(self):
        self.write("src/keyring/x.cc", "CK_RV rv = C_Login(0);\n")
        self.assert_found("cryptoki", "C_Login")

    def test_openssl_in_the_wrong_module(self):
        self.write("src/auth/x.cc", "#include <openssl/evp.h>\n")
        self.assert_found("openssl_and_grpc", "openssl")

    def test_a_reason_that_is_not_explained_or_has_another_code(self):
        self.write("include/strongroom/base/reasons.h",
                   'X(kA, "ONE", kInvalidArgument) X(kB, "TWO", kAborted)')
        self.write("docs/errors.md", "| `TWO` | INTERNAL | text |\n"
                                     "| `OLD` | INTERNAL | text |\n")
        self.assert_found("reasons_documented", "does not explain ONE")
        self.assert_found("reasons_documented", "TWO is ABORTED")
        self.assert_found("reasons_documented", "no such reason OLD")

    def test_a_child_process(self):
        self.write("src/server/x.cc", 'int r = posix_spawnp(&child, "x");\n')
        self.assert_found("no_child_processes", "posix_spawnp")

    def test_a_child_process_where_only_exec_may_be(self):
        self.write("src/cli/operator_commands.cc", "int child = fork();\n")
        self.assert_found("no_child_processes", "fork")

    def test_exec_elsewhere(self):
        self.write("src/cli/run.cc", "execv(path, argv);\n")
        self.assert_found("no_child_processes", "execv")

    def test_an_unfinished_mark(self):
        self.write("src/base/x.cc", "// TO" "DO: later\n")
        self.assert_found("no_unfinished_marks", "later")

    def test_a_dead_link(self):
        self.write("docs/x.md", "see [this](nowhere.md)\n")
        self.assert_found("links_in_documents", "nowhere.md")

    def test_a_path_that_leads_nowhere(self):
        self.write("src/a/there.h", "")
        self.write("CHANGELOG.md", "was in src/a/gone.h\n")
        self.write("docs/x.md", "in `src/a/there.h`, src/a/ and src/a/gone.h; see\n"
                   "build/src/b.h\n")
        self.assertEqual(["docs/x.md: no src/a/gone.h"],
                         rules.RULES["paths_in_documents"](self.root))

    def locks(self, *rows):
        self.write("docs/locks.md", "\n".join(
            ["## batching, hsm", "| mutex | guards | under it | inside |", *rows]))
        return "\n".join(rules.RULES["locks_documented"](self.root))

    def test_a_mutex_without_a_row(self):
        self.write("src/batching/x.h", "class Q final : public P {\n private:\n"
                   "  struct Part {\n    mutable Mutex m SR_GUARDED_BY(x);\n  };\n"
                   "  Mutex mutex_;\n};\n")
        self.write("hsm/pkcs11/y.cc", "namespace a {\nstruct S {\n"
                   "  std::shared_mutex running;\n};\n"
                   "int F(int a) { if (a) { Mutex mine; } }\n}\n")
        found = self.locks("| `Q::mutex_` | it | nothing | none |")
        self.assertIn("does not name Q::Part::m of batching", found)
        self.assertIn("does not name S::running of hsm", found)
        self.assertIn("does not name F::mine of hsm", found)
        self.assertNotIn("Q::mutex_", found)

    def test_a_row_without_a_mutex(self):
        self.write("src/batching/x.h", "class Q { Mutex mutex_; Mutex& other_; };\n")
        found = self.locks("| `Q::mutex_` | it | nothing | `R::gone_` |",
                           "| `Q::other_` | it | nothing | none |")
        self.assertIn("nowhere declared: R::gone_", found)
        self.assertIn("no Q::other_ in batching, hsm", found)

    def test_a_row_under_another_module(self):
        self.write("src/store/x.h", "class Q { Mutex mutex_; };\n")
        found = self.locks("| `Q::mutex_` | it | nothing | none |")
        self.assertIn("no Q::mutex_ in batching, hsm", found)
        self.assertIn("does not name Q::mutex_ of store", found)

    def test_a_word_about_a_mutex_is_none(self):
        self.write("src/batching/x.cc",
                   'void F() { MutexLock lock(m); Say("{ Mutex m; }"); }\n'
                   "// struct S { Mutex mutex_; };\n")
        self.assertEqual("", self.locks())

    def test_a_mistake_that_nothing_holds(self):
        self.write("tests/a/a_test.cc", "TEST_F(ATest,\n       ItHolds) {}\n")
        self.write("tests/a/a.py", "def test_it_holds(self): pass\n")
        self.write("docs/mistakes.md", "### One\n**Why:** x **Rule:** y\n"
                   "**Held by:** `ATest.ItHolds`, `test_it_holds`, `ATest.Gone`,"
                   " `test_gone`\n### Two\n**Why:** x **Held by:** y\n")
        found = rules.RULES["mistakes_are_held"](self.root)
        self.assertEqual(["docs/mistakes.md: no test ATest.Gone",
                          "docs/mistakes.md: no test test_gone",
                          "docs/mistakes.md: Two: no **Rule:**"], found)


if __name__ == "__main__":
    unittest.main()
