"""Files of any size (target 7): the crypto stage beside `openssl speed`, and
whole commands beside what one would use instead; all in one run, in turn.

usage: files.py      by itself; STRONGROOM_BUILD names the build. run.py calls it
"""
import json
import os
import re
import shutil
import statistics
import subprocess
import time

from place import BUILD, Place, Ratio, Service, in_turn

MIB = 1 << 20
SIZE = 512 * MIB
COMMAND_ROUNDS = 3
KEY = "bench/files"
PASSWORD = "pass:not a secret"


def median(values):
    return statistics.median(values)


def openssl_speed(processes):
    """Bytes per second of AES-256-GCM on blocks of 64 KiB: of processor time
    if it is one process, else of all of them together by the clock."""
    multi = ["-elapsed", "-multi", str(processes)] if processes > 1 else []
    out = subprocess.run(
        ["openssl", "speed", "-seconds", "1", *multi, "-evp", "aes-256-gcm",
         "-bytes", "65536"], check=True, capture_output=True, text=True).stdout
    return 1000 * float(re.search(r"AES-256-GCM\s+([\d.]+)k", out)[1])


def body_bench(cases, seconds):
    """(Seal or Open, chunk_log2, threads) -> bytes per second, as above."""
    out = subprocess.run(
        [BUILD / "bin/body_bench", f"--benchmark_filter={cases}",
         f"--benchmark_min_time={seconds}", "--benchmark_format=json"],
        check=True, capture_output=True).stdout
    found = {}
    for b in json.loads(out)["benchmarks"]:
        name, chunk = re.match(r"(\w+)/chunk_log2:(\d+)", b["name"]).groups()
        rate = b["bytes_per_second"]
        if b["threads"] == 1:
            rate *= b["real_time"] / b["cpu_time"]
        found[name, int(chunk), b["threads"]] = rate
    return found


def crypto(rounds):
    """Rows, a table, and the bytes per second of sealing on all cores."""
    cores = os.cpu_count()
    threads = sorted({1, cores})
    found = in_turn(rounds, {
        **{f"openssl {n}": lambda n=n: openssl_speed(n) for n in threads},
        "ours": lambda: body_bench("chunk_log2:16/", 0.3)})
    rows = []
    for n in threads:
        for name in ("Seal", "Open"):
            ratio = Ratio([f[name, 16, n] for f in found["ours"]],
                          found[f"openssl {n}"])
            how = ("for each second of a core, against `openssl speed`"
                   if n == 1 else f"{n} threads, against `openssl speed "
                   f"-elapsed -multi {n}`")
            rows.append(("7", f"{name.lower()} chunks of 64 KiB, {how}",
                         ">= 0.9", ratio, ratio.median >= 0.9))
    speed = {n: median(found[f"openssl {n}"]) for n in threads}
    table = ("| chunk | threads | seal | open | seal against `openssl speed` "
             "of 64 KiB |\n|---|---|---|---|---|\n")
    every = body_bench(".", 0.05)
    for (name, chunk, n), rate in sorted(every.items()):
        if name == "Seal":
            table += (f"| {(1 << chunk) // 1024} KiB | {n} | {rate / 1e6:,.0f} "
                      f"MB/s | {every['Open', chunk, n] / 1e6:,.0f} MB/s | "
                      f"{rate / speed[n]:.2f} |\n")
    table += (f"| `openssl speed` | " + " / ".join(map(str, threads)) + " | "
              + " / ".join(f"{speed[n] / 1e6:,.0f} MB/s" for n in threads)
              + " | | |\n")
    return rows, table, median(f["Seal", 16, cores] for f in found["ours"])


class Tool:
    """Commands that make `sealed` of `plain`, and `opened` of `sealed`."""

    def __init__(self, name, needs, seal, unseal, env=None):
        self.name, self.needs, self.env = name, needs, env
        self.commands = {"encrypt": seal, "decrypt": unseal}


def make_tools(service, directory):
    program = str(BUILD / "bin/strongroom")
    identity = directory / "age.key"
    if shutil.which("age"):
        subprocess.run(["age-keygen", "-o", identity], check=True,
                       capture_output=True)
        recipient = re.search(r"public key: (\S+)", identity.read_text())[1]
    else:
        recipient = "-"
    gpg_home = directory / "gpg"
    gpg_home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", gpg_home, "--batch", "--quiet",
           "--pinentry-mode", "loopback", "--passphrase", PASSWORD, "-o"]
    ctr = ["openssl", "enc", "-aes-256-ctr", "-pbkdf2", "-pass", PASSWORD]
    copy = lambda a, b: ["dd", f"if={a}", f"of={b}", "bs=1M", "status=none"]
    return [
        Tool("copied by `dd bs=1M`", "dd", copy, copy),
        Tool("`strongroom file`", program,
             lambda a, b: [program, "file", "encrypt", KEY, a, b],
             lambda a, b: [program, "file", "decrypt", a, b],
             service.environment()),
        Tool("`age` (X25519)", "age",
             lambda a, b: ["age", "-r", recipient, "-o", b, a],
             lambda a, b: ["age", "-d", "-i", identity, "-o", b, a]),
        Tool("`openssl enc -aes-256-ctr` (not authenticated)", "openssl",
             lambda a, b: [*ctr, "-in", a, "-out", b],
             lambda a, b: [*ctr, "-d", "-in", a, "-out", b]),
        Tool("`gpg -c` (AES256, not compressed)", "gpg",
             lambda a, b: [*gpg, b, "-c", "--cipher-algo", "AES256", "-z",
                           "0", a],
             lambda a, b: [*gpg, b, "-d", a]),
    ]


def run_command(command, out, env):
    """Seconds until `out` is on the disk, and of processor time."""
    # A virtual machine's first touch of a page costs more than all the rest;
    # each command finds as many pages that were touched.
    subprocess.run(["dd", "if=/dev/zero", f"of={out}", "bs=1M", "status=none",
                    f"count={SIZE // MIB}"], check=True)
    out.unlink()
    began = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], env=env,
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise AssertionError(f"{command} failed")
    subprocess.run(["sync", out], check=True)
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


def commands(service, crypto_rate):
    directory = service.installation.dir / "files"
    directory.mkdir()
    plain = directory / "plain"
    with open(plain, "wb") as file:
        for _ in range(SIZE // MIB):
            file.write(os.urandom(MIB))
    subprocess.run(["sync", plain], check=True)
    service.create_key(KEY)
    tools = make_tools(service, directory)
    absent = [tool.name for tool in tools if not shutil.which(tool.needs)]
    tools = [tool for tool in tools if tool.name not in absent]

    def both(tool):
        sealed, opened = directory / "sealed", directory / "opened"
        found = {}
        for step, a, b in (("encrypt", plain, sealed),
                           ("decrypt", sealed, opened)):
            found[step] = run_command(tool.commands[step](a, b), b, tool.env)
        if opened.stat().st_size != SIZE:
            raise AssertionError(f"{tool.name} lost bytes")
        sealed.unlink()
        opened.unlink()
        return found

    try:
        found = in_turn(COMMAND_ROUNDS, {
            tool.name: lambda tool=tool: both(tool) for tool in tools})
    finally:
        if shutil.which("gpgconf"):
            subprocess.run(["gpgconf", "--homedir", directory / "gpg", "--kill",
                            "gpg-agent"], check=True)
        shutil.rmtree(directory)
    return command_rows(found, crypto_rate), command_table(found, absent)


def command_rows(found, crypto_rate):
    disk, ours = found["copied by `dd bs=1M`"], found["`strongroom file`"]
    rows = []
    for step in ("encrypt", "decrypt"):
        bound = [max(point[step][0], SIZE / crypto_rate) for point in disk]
        ratio = Ratio(bound, [point[step][0] for point in ours])
        rows.append(("7", f"`file {step}` of {SIZE // MIB} MiB against the "
                     "slower of a copy by dd and the crypto stage", ">= 0.9",
                     ratio, ratio.median >= 0.9))
    return rows


def command_table(found, absent):
    table = ("| | encrypt | decrypt | processor time, encrypt and decrypt | "
             "encrypt, against `strongroom` |\n|---|---|---|---|---|\n")
    ours = [point["encrypt"][0] for point in found["`strongroom file`"]]
    for name, points in found.items():
        rates = [f"{SIZE / 1e6 / median(p[step][0] for p in points):,.0f} MB/s"
                 for step in ("encrypt", "decrypt")]
        busy = [f"{median(p[step][1] for p in points):.2f} s"
                for step in ("encrypt", "decrypt")]
        ratio = Ratio(ours, [p["encrypt"][0] for p in points])
        table += (f"| {name} | {rates[0]} | {rates[1]} | {', '.join(busy)} | "
                  f"{ratio} |\n")
    if absent:
        table += f"\nNot installed, so not measured: {', '.join(absent)}.\n"
    return table


def measure(service, rounds):
    """Rows for the targets, and a section for RESULTS.md."""
    rows, stage, crypto_rate = crypto(rounds)
    more, whole = commands(service, crypto_rate)
    section = f"""The crypto stage alone (`bin/body_bench`), beside
`openssl speed -evp aes-256-gcm -bytes 65536`; one thread by processor time, more by
the clock:

{stage}
Whole commands on a file of {SIZE // MIB} MiB that the page cache has, until the
output is on the disk (`sync FILE`); medians of {COMMAND_ROUNDS} rounds, in turn:

{whole}"""
    return rows + more, section


def alone():
    here = Place()
    try:
        rows, section = measure(Service(here, "files"), 5)
    finally:
        here.close()
    for number, what, wanted, measured, met in rows:
        print(f"{number} {what}: {measured}, want {wanted}: "
              f"{'met' if met else 'NOT MET'}")
    print(section)


if __name__ == "__main__":
    alone()
