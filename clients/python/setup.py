"""Generates strongroom/v1 from the service's protos while building.

The protos are the repository's; a source distribution carries a copy.
"""
import pathlib
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = pathlib.Path(__file__).resolve().parent
CARRIED = HERE / "proto"
REPOSITORY = HERE.parent.parent / "proto"


def protos():
    for root in (CARRIED, REPOSITORY):
        if (root / "strongroom" / "v1" / "key_service.proto").is_file():
            return root
    raise FileNotFoundError(
        f"no protos in {CARRIED} or {REPOSITORY}: build from the repository or "
        "from a source distribution")


def generate(out):
    import grpc_tools
    from grpc_tools import protoc

    root = protos()
    included = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    files = [str(path) for path in sorted(root.glob("strongroom/v1/*.proto"))]
    failed = protoc.main(["protoc", f"-I{root}", f"-I{included}",
                          f"--python_out={out}", f"--grpc_python_out={out}",
                          *files])
    if failed:
        raise RuntimeError(f"protoc failed on {root}")


class BuildPy(build_py):
    def run(self):
        super().run()
        generate(HERE / "src" if self.editable_mode else self.build_lib)


class Sdist(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        shutil.copytree(protos(), pathlib.Path(base_dir) / "proto",
                        dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildPy, "sdist": Sdist})
