"""A real service: ``strongroomd dev`` of the build in STRONGROOM_BUILD."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from strongroom import Client

BUILD = pathlib.Path(os.environ.get("STRONGROOM_BUILD", "build/dev"))
_PATIENCE_S = 60


class Service:
    def __init__(self, directory):
        self.directory = directory
        self.log = open(directory / "log", "w+b")
        self.process = subprocess.Popen(
            [BUILD / "bin" / "strongroomd", "dev", "--dir", directory / "dev",
             "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
            stdout=self.log, stderr=subprocess.STDOUT)
        self.env = self._read_env()

    def _read_env(self):
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            found = dict(re.findall(
                r"^export (STRONGROOM_\w+)='?([^'\n]+)'?$",
                (self.directory / "log").read_text(), re.M))
            if "STRONGROOM_KEY" in found and "STRONGROOM_ADDR" in found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError((self.directory / "log").read_text())

    def stop(self):
        self.process.terminate()
        assert self.process.wait(_PATIENCE_S) == 0


@pytest.fixture(scope="session")
def service():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-python-"))
    running = Service(directory)
    yield running
    running.stop()
    shutil.rmtree(directory)


@pytest.fixture
def client(service, monkeypatch):
    for name, value in service.env.items():
        monkeypatch.setenv(name, value)
    with Client.from_environment() as made:
        yield made
