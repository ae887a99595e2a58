"""Apache Flink as a peer of tests and benchmarks: its distribution from PyPI, in build/."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "1.20.3"
FOLDER = Path(__file__).resolve().parents[2] / f"build/flink-{VERSION}"
HOME = FOLDER / "pyflink"  # FLINK_HOME


class Unavailable(Exception):
    """Flink cannot be had here; the text says why."""


def install():
    """Installs Flink if it is not there. Raises Unavailable."""
    if shutil.which("java") is None:
        raise Unavailable("there is no java (Debian: openjdk-17-jdk-headless)")
    if not (HOME / "bin/flink").exists():
        fetch("pip", [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", FOLDER,
                      f"apache-flink=={VERSION}", f"apache-flink-libraries=={VERSION}"])
    (HOME / "bin/flink").chmod(0o755)  # a wheel does not keep that


def libraries(version):
    """The folder with the jars of that version, installed if they are not there. Raises Unavailable."""
    if version == VERSION:
        install()
        return HOME / "lib"
    if shutil.which("java") is None:
        raise Unavailable("there is no java (Debian: openjdk-17-jdk-headless)")
    folder = FOLDER.with_name(f"flink-{version}")
    if not list(folder.glob("pyflink/lib/flink-dist-*.jar")):
        fetch("pip", [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder,
                      f"apache-flink-libraries=={version}"])
    return folder / "pyflink/lib"


def fetch(client, command):
    """Runs a registry's client. Raises Unavailable with its reason."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        reasons = (done.stderr + done.stdout).strip().splitlines() or ["no reason given"]
        raise Unavailable(f"{client} cannot install it: {reasons[-1]}")


def environment(folder):
    """For Flink's scripts, with settings and logs of their own in `folder`."""
    conf = Path(folder) / "flink-conf"
    if not conf.exists():
        shutil.copytree(HOME / "conf", conf)
    (Path(folder) / "flink-log").mkdir(exist_ok=True)
    return {**os.environ, "FLINK_HOME": str(HOME), "FLINK_CONF_DIR": str(conf),
            "FLINK_LOG_DIR": str(Path(folder) / "flink-log")}
