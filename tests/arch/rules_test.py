#!/usr/bin/env python3
"""A rule that cannot fail is no rule: each one is shown a tree that breaks it."""
import pathlib
import tempfile
import unittest

import rules


class EachRuleFindsItsViolation(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.write("CMakeLists.txt", "".join(
            f"strongroom_module({name} DEPS {deps})\n" for name, deps in [
                ("base", ""), ("hsm", "base"), ("batching", "base hsm"),
                ("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", ""),
                ("f", ""), ("g", "")]))

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def assert_found(self, rule, word):
        self.assertIn(word, "\n".join(rules.RULES[rule](self.root)))

    def test_an_upward_include(self):
        self.write("src/hsm/x.cc", '#include "strongroom/batching/engine.h"\n')
        self.assert_found("layers", "hsm may not include")

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

    def test_an_rpc_without_a_row_and_a_row_without_an_rpc(self):
        for proto in ("key_service", "key_admin"):
            self.write(f"proto/strongroom/v1/{proto}.proto",
                       "service %s {\n  rpc Wrap(W) returns (R);\n}\n"
                       % ("KeyService" if proto == "key_service" else "KeyAdmin"))
        self.write("include/strongroom/service/operations.h",
                   '  X(kWrap, "Wrap", "KeyService", kWrap) \\\n'
                   '  X(kGone, "Gone", "KeyAdmin", kWrap)\n')
        self.assert_found("one_row_per_rpc", "no row for ('KeyAdmin', 'Wrap')")
        self.assert_found("one_row_per_rpc", "row without RPC ('KeyAdmin', 'Gone')")

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
