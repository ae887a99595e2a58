"""Artifacts of Maven Central with what they need, in build/, by Debian's mvn."""
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build"


class Unavailable(Exception):
    """It cannot be had here; the text says why."""


def jars(name, artifacts):
    """The folder with the jars of these artifacts ("group:artifact:version") and all that they depend on, installed if
    they are not there. Raises Unavailable."""
    for command, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        if shutil.which(command) is None:
            raise Unavailable(f"there is no {command} (Debian: {package})")
    folder = BUILD / "peers" / name
    if folder.exists():
        return folder
    dependencies = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *artifact.split(":")) for artifact in artifacts)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        project = Path(temporary) / "pom.xml"
        project.write_text(
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>peers</groupId>'
            f"<artifactId>peers</artifactId><version>1</version><dependencies>{dependencies}</dependencies></project>")
        done = subprocess.run(["mvn", "-q", "-B", "-f", project, "dependency:copy-dependencies",
                               f"-DoutputDirectory={temporary}/jars"], capture_output=True, text=True)
        if done.returncode != 0:
            reasons = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["no reason given"]
            raise Unavailable(f"mvn cannot install {name}: {reasons[0]}")
        try:
            (Path(temporary) / "jars").rename(folder)  # whole or not at all
        except OSError:
            if not folder.exists():
                raise
    return folder


def archive(name, artifact):
    """The folder with what is in an archive of Maven Central ("group:artifact:version:type:classifier"), unpacked if it is
    not there. Raises Unavailable."""
    for command, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        if shutil.which(command) is None:
            raise Unavailable(f"there is no {command} (Debian: {package})")
    folder = BUILD / "peers" / name
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        done = subprocess.run(["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}",
                               f"-DoutputDirectory={temporary}/archive"], cwd=temporary, capture_output=True, text=True)
        if done.returncode != 0:
            reasons = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["no reason given"]
            raise Unavailable(f"mvn cannot install {name}: {reasons[0]}")
        (packed,) = (Path(temporary) / "archive").iterdir()
        with tarfile.open(packed) as tar:
            tar.extractall(Path(temporary) / "unpacked", filter="data")
        try:
            (Path(temporary) / "unpacked").rename(folder)  # whole or not at all
        except OSError:
            if not folder.exists():
                raise
    return folder


UNAVAILABLE = 69  # exit status of a peer that cannot be had here, as sysexits.h has it


def fail(error):
    print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
    sys.exit(UNAVAILABLE if isinstance(error, Unavailable) else 1)
