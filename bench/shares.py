"""Where the processor time of the service goes, by part of the work: samples of
perf, each counted for the innermost function of ours that it was in."""
import collections
import re
import shutil
import subprocess
import time

from place import finish

# In this order; a function belongs to the first part that its name matches.
PARTS = [
    ("the token (SoftHSM)", r"hsm::Aead(Seal|Open)"),
    ("the audit record", r"audit::|FormatTime"),
    ("leaves: AES-256-GCM by OpenSSL",
     r"Leaf(Sealer|Opener)|(Start|Seal|Open|Keyed)Gcm|SealLeaves"),
    ("gRPC and TLS: sending the answer", r"rpc::Exchange::Finish"),
    ("hand-offs between our threads", r"CondVar|hsm::WorkerPool"),
    ("reading the request, writing the answer",
     r"ParseMessage|TakePlainItems|WriteSealedItems|MakeWipedBuffer|WipeBuffer"
     r"|ToCommand|ToAnswer|Respond|AddItems|strongroom::v1|Exchange::Answer"),
    ("who asks, and what they may",
     r"CallerOf|AddressOf|MakeCall|IsTls|PeerOf|auth::"),
    ("secrets: locked memory, wiping, random numbers",
     r"Secret(Bytes|Arena)|WipeMemory|FillRandom"),
    ("the engine: queues and batches", r"batching::|hsm::|keyring::"),
    ("the service's pipeline, metrics", r"strongroom|prometheus"),
    ("gRPC and TLS: reading, dispatching, polling", r"grpc|nexting|executo"),
]
OTHER = "kernel and others"
FRAME = re.compile(r"\s+[0-9a-f]+ (.*) \((.*)\)$")


def part_of(thread, frames):
    ours = [f for f in frames if "strongroom::" in f]
    for name in ours[:1] or [" ".join([thread, *frames])]:
        for part, pattern in PARTS:
            if re.search(pattern, name):
                return part
    return OTHER


def samples(script):
    thread, frames = "", []
    for line in script.splitlines():
        if not line.strip():
            if frames:
                yield thread, frames
            frames = []
        elif frame := FRAME.match(line):
            frames.append(frame[1])
        else:
            thread, frames = line.split()[0], []
    if frames:
        yield thread, frames


def shares(service, workload, seconds=3, **options):
    """A Markdown table, from perf while the load runs."""
    if shutil.which("perf") is None:
        return "perf is not installed, so not measured.\n"
    # perf makes the service slower: its times are of a run without.
    calm = service.load_with_cpu(workload, warm_up=0.3, duration=1.5, **options)
    data = service.installation.dir / "perf.data"
    load = service.start_load(workload, warm_up=0, duration=seconds + 2,
                              **options)
    time.sleep(1)
    subprocess.run(["perf", "record", "-q", "-F", "499", "--call-graph",
                    "dwarf,6144", "-p", str(service.pid), "-o", data, "sleep",
                    str(seconds)], check=True, capture_output=True)
    finish(load)
    script = subprocess.run(
        ["perf", "script", "-i", data, "--no-inline", "-F", "comm,ip,sym,dso"],
        check=True, capture_output=True).stdout.decode(errors="replace")
    counts = collections.Counter(part_of(*s) for s in samples(script))
    total = sum(counts.values())
    rows = "".join(f"| {part} | {100 * n / total:.0f} % | "
                   f"{calm['service_us'] * n / total:.1f} |\n"
                   for part, n in counts.most_common())
    return (f"{workload}, {options['in_flight']} in flight, "
            f"{calm['service_us']:.1f} us of the service for each request, "
            f"{total} samples:\n\n| part | share | us of a request |\n"
            f"|---|---|---|\n{rows}\n")
