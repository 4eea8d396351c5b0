"""Requests over the limits, or wrong in themselves: each with its reason, and
the service as good as before."""
import unittest

import e2e

DEK = e2e.b64(b"d" * 32)


def pairs(*items):
    return [{"key": key, "value": value} for key, value in items]


def field(number, payload):
    """A length-delimited field of protobuf."""
    size, out = len(payload), bytes([number << 3 | 2])
    while size > 127:
        out += bytes([size & 127 | 128])
        size >>= 7
    return out + bytes([size]) + payload


class Limits(e2e.E2eTest):
    def setUp(self):
        self.daemon = self.start_dev()
        self.probe = self.dev_probe(self.daemon)
        self.probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        self.wrapped = self.wrap()

    def wrap(self):
        return self.probe.ok("KeyService/Wrap", {
            "name": "demo/app", "dek": DEK})["wrapped_dek"]

    def tearDown(self):
        opened = self.probe.ok("KeyService/Unwrap",
                               {"wrapped_dek": self.wrapped})
        self.assertEqual(opened["dek"], DEK)

    def refuse(self, reason, method, request, *parts, code="INVALID_ARGUMENT"):
        answer = self.probe.call(method, request)
        self.assert_refused(answer, code, reason, *parts)
        return answer

    def test_4096_items_pass_and_4097_do_not(self):
        made = self.probe.ok("KeyService/BatchGenerateDataKeys", {
            "name": "demo/app", "count": 4096, "compact": True})
        self.assertEqual(len(made["items"]), 4096)
        self.assertFalse([i for i in made["items"] if i.get("status")])
        self.refuse("REQUEST_TOO_LARGE", "KeyService/BatchGenerateDataKeys",
                    {"name": "demo/app", "count": 4097}, "4097", "4096")
        for method, request in (
                ("BatchWrap", {"name": "demo/app",
                               "items": [{"dek": DEK}] * 4097}),
                ("BatchEncrypt", {"name": "demo/app",
                                  "items": [{"plaintext": ""}] * 4097}),
                ("BatchUnwrap", {"items": [{"wrapped_dek": self.wrapped}]
                                 * 4097}),
                ("BatchRewrap", {"tokens": [self.wrapped] * 4097})):
            self.refuse("REQUEST_TOO_LARGE", f"KeyService/{method}", request,
                        "4097", "4096")

    def test_an_empty_batch_is_refused(self):
        for method, request in (
                ("BatchWrap", {"name": "demo/app"}), ("BatchUnwrap", {}),
                ("BatchRewrap", {}),
                ("BatchGenerateDataKeys", {"name": "demo/app"})):
            self.refuse("ARGUMENT_INVALID", f"KeyService/{method}", request)

    def test_4_mib_pass_and_more_do_not(self):
        chunk = e2e.b64(bytes(65536))

        def encrypt(count, last):
            return {"name": "demo/app", "items":
                    [{"plaintext": chunk}] * count +
                    [{"plaintext": e2e.b64(bytes(last))}]}
        sealed = self.probe.ok("KeyService/BatchEncrypt", encrypt(63, 65536))
        self.assertEqual(len(sealed["items"]), 64)
        self.refuse("REQUEST_TOO_LARGE", "KeyService/BatchEncrypt",
                    encrypt(64, 1), "4194305", "4194304")

    def test_a_message_beyond_all_limits_is_refused(self):
        answer = self.probe.call("KeyService/BatchEncrypt", {
            "name": "demo/app",
            "items": [{"plaintext": e2e.b64(bytes(6 << 20))}]})
        self.assertEqual(answer["code"], "RESOURCE_EXHAUSTED", answer)

    def test_a_compressed_message_is_refused_before_it_is_unpacked(self):
        before = self.daemon.memory_peak_kib()
        for method in ("KeyService/BatchEncrypt", "KeyAdmin/CreateKey"):
            answer = self.probe.call(f"strongroom.v1.{method}",
                                     zeros=100 << 20, gzip=True)
            self.assertEqual(answer["code"], "UNIMPLEMENTED", answer)
            self.assertIn("gzip", answer["message"])
        self.assertLess(self.daemon.memory_peak_kib() - before, 30 << 10)

    def test_256_distinct_headers_pass_and_257_do_not(self):
        tokens = [self.wrap() for _ in range(257)]
        # Wrapped one after the other, none shares its header.
        self.assertEqual(len({e2e.unb64(t)[:102] for t in tokens}), 257)

        def unwrap(count):
            return {"items": [{"wrapped_dek": t} for t in tokens[:count]]}
        opened = self.probe.ok("KeyService/BatchUnwrap", unwrap(256))["items"]
        self.assertEqual({i["secret"] for i in opened}, {DEK})
        self.refuse("REQUEST_TOO_LARGE", "KeyService/BatchUnwrap", unwrap(257),
                    "257", "256")
        self.refuse("REQUEST_TOO_LARGE", "KeyService/BatchRewrap",
                    {"tokens": tokens}, "257", "256")

    def test_plaintext_over_64_kib_is_refused_with_what_to_use_instead(self):
        self.probe.ok("KeyService/Encrypt", {
            "name": "demo/app", "plaintext": e2e.b64(bytes(65536))})
        self.refuse("PLAINTEXT_TOO_LARGE", "KeyService/Encrypt", {
            "name": "demo/app", "plaintext": e2e.b64(bytes(65537))},
            "65537", "65536", "data key")

    def test_deks_of_wrong_sizes_are_refused(self):
        for size in (16, 64):
            self.probe.ok("KeyService/Wrap", {
                "name": "demo/app", "dek": e2e.b64(bytes(size))})
        for size in (0, 15, 65):
            self.refuse("DEK_SIZE_INVALID", "KeyService/Wrap", {
                "name": "demo/app", "dek": e2e.b64(bytes(size))}, str(size))
        for size in (1, 15, 65, 4_000_000_000):
            self.refuse("DEK_SIZE_INVALID", "KeyService/GenerateDataKey",
                        {"name": "demo/app", "dek_bytes": size})

    def test_contexts_over_the_limits_are_refused(self):
        for context in (pairs(*((f"k{i}", "v") for i in range(33))),
                        pairs(("k", "v" * 8190)), pairs(("", "v")),
                        pairs(("k", "1"), ("k", "2")),
                        pairs(("k", "1"), ("k", "1"))):
            for method, request in (
                    ("Wrap", {"name": "demo/app", "dek": DEK}),
                    ("Encrypt", {"name": "demo/app", "plaintext": DEK}),
                    ("GenerateDataKey", {"name": "demo/app"}),
                    ("Unwrap", {"wrapped_dek": self.wrapped})):
                self.refuse("CONTEXT_INVALID", f"KeyService/{method}",
                            {**request, "encryption_context": context})
        most = pairs(*((f"k{i}", "v") for i in range(32)))
        self.probe.ok("KeyService/Wrap", {"name": "demo/app", "dek": DEK,
                                          "encryption_context": most})

    def test_a_context_that_is_not_utf_8_is_refused(self):
        for key, value in ((b"k\xff", b"v"), (b"k", b"\xc0\xaf"),
                           (b"k", b"\xed\xa0\x80")):
            pair = field(1, key) + field(2, value)
            request = (field(1, b"demo/app") + field(2, b"d" * 32) +
                       field(3, pair))
            answer = self.probe.call("strongroom.v1.KeyService/Wrap",
                                     raw=e2e.b64(request))
            self.assertEqual(answer["code"], "INVALID_ARGUMENT", answer)
            self.assertIn(answer["reason"], ("CONTEXT_INVALID", "MALFORMED"))

    def test_names_outside_the_grammar_are_refused(self):
        for name in ("", "/", "Demo", "demo/", "/demo", "demo//app", "-demo",
                     "demo/../app", "demo app", "démo", "a" * 129, "demo\0"):
            with self.subTest(name=name):
                for method in ("CreateKey", "GetKey", "RotateKey"):
                    self.refuse("NAME_INVALID", f"KeyAdmin/{method}",
                                {"name": name})
        self.probe.ok("KeyAdmin/CreateKey", {"name": "a" * 128})

    def test_versions_that_are_not_there_are_refused(self):
        for version in (0, 2, 2**31 - 1, 2**31, 2**32 - 1):
            for method in ("EnableVersion", "DisableVersion",
                           "ScheduleDestroyVersion", "CancelDestroyVersion"):
                answer = self.probe.call(f"KeyAdmin/{method}", {
                    "name": "demo/app", "version": version})
                self.assertIn((answer["code"], answer["reason"]),
                              (("NOT_FOUND", "VERSION_NOT_FOUND"),
                               ("INVALID_ARGUMENT", "ARGUMENT_INVALID")))

    def test_settings_out_of_range_are_refused(self):
        for settings in ({"rotation_period": "60s"},
                         {"rotation_period": "-3600s"},
                         {"batch_policy": {"max_items": 4097}},
                         {"batch_policy": {"max_age": "-1s"}},
                         {"destroy_scheduled_duration": "-1s"},
                         {"labels": {"": "x"}},
                         {"labels": {"k": "v" * 5000}}):
            with self.subTest(settings=settings):
                answer = self.probe.call("KeyAdmin/CreateKey",
                                         {"name": "demo/odd", **settings})
                self.assertEqual(answer["code"], "INVALID_ARGUMENT", answer)
        self.refuse("KEY_NOT_FOUND", "KeyAdmin/GetKey", {"name": "demo/odd"},
                    code="NOT_FOUND")

    def test_an_update_of_nothing_or_of_the_unknown_is_refused(self):
        for mask in ("", "name", "labels,primary_version", "no_such"):
            answer = self.probe.call("KeyAdmin/UpdateKey", {
                "key": {"name": "demo/app"}, "update_mask": mask})
            self.assertEqual(answer["code"], "INVALID_ARGUMENT", answer)

    def test_a_token_under_another_name_is_refused(self):
        self.probe.ok("KeyAdmin/CreateKey", {"name": "demo/other"})
        answer = self.probe.call("KeyService/Unwrap", {
            "name": "demo/other", "wrapped_dek": self.wrapped})
        self.assertEqual(answer["code"], "INVALID_ARGUMENT", answer)
        self.assertNotIn("response", answer)

    def test_bytes_that_are_no_request_are_malformed(self):
        for method in ("KeyService/Wrap", "KeyService/BatchUnwrap",
                       "KeyAdmin/CreateKey", "KeyAdmin/GetStatus"):
            answer = self.probe.call(f"strongroom.v1.{method}",
                                     raw=e2e.b64(b"\xff\xff\xff\xff"))
            self.assert_refused(answer, "INVALID_ARGUMENT", "MALFORMED")


if __name__ == "__main__":
    unittest.main()
