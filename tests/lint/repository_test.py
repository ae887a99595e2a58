"""The repository lints itself: these rules hold for every file that git tracks or would track."""
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def tracked(*suffixes):
    names = git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return [name for name in names if name.endswith(suffixes) and (ROOT / name).is_file()]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def lines_matching(names, pattern):
    found = []
    for name in names:
        for number, line in enumerate(read(name).splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{name}:{number}: {line.strip()[:120]}")
    return found


CODE = (".cc", ".h", ".py", ".ts", ".cmake", "CMakeLists.txt", "Makefile", "tools/install", "tools/run_tests")
TEXT = CODE + (".md", ".sql", ".json", ".txt", ".test", ".yml", ".yaml", ".toml")
# Files that hold the lint's own patterns.
SELF = {"tests/lint/repository_test.py"}


def test_no_unfinished_work_is_marked():
    words = "|".join(["TO" + "DO", "FIX" + "ME", "HA" + "CK"])
    assert not lines_matching(tracked(*CODE), rf"\b({words})\b")


def test_includes_name_a_room_and_never_climb():
    assert not lines_matching(tracked(".cc", ".h"), r'#include\s+["<]\.\.?/')


def test_no_compiler_command_defines_a_path():
    """ccache would know nothing of the same build in another checkout (src/base/source_file.h)."""
    assert not lines_matching(tracked("CMakeLists.txt", ".cmake"), r"compile_definitions\(.*_DIR\b")


def test_files_whose_seconds_are_noted_exist():
    noted = json.loads(read("tests/e2e/seconds.json"))
    assert noted and not [name for name in noted if not (ROOT / "tests/e2e" / name).exists()]


def test_operators_that_keep_rows_say_so():
    """EXPLAIN shows what a StatefulOperator keeps, and cannot know of state that another operator registers."""
    opens = "::open(OperatorContext& context) const {"
    registers = re.compile(r"context\.state\(\)\.table\(|RowLists\(context\.state\(\)|OrderedRowsParameters ")
    texts = {name: read(name) for name in tracked(".cc") if name.startswith("src/operators/")}
    keepers = {name for name, text in texts.items() if opens in text and registers.search(text)}
    assert len(keepers) > 10
    assert not [name for name in sorted(keepers) if "::keeps() const {" not in texts[name]]


def test_headers_are_guarded():
    bare = [name for name in tracked(".h") if "#pragma once" not in read(name)]
    assert not bare


def test_a_type_of_the_project_stands_in_one_header():
    """Two types of one name in one program are undefined behaviour that no compiler and no linker reports."""
    places = {}
    for path in sorted((ROOT / "src").rglob("*.h")):
        text = path.read_text()
        namespace = re.search(r"^namespace ([\w:]+) \{", text, re.M)
        for name in re.findall(r"^(?:class|struct|enum class) (\w+)(?: final)?(?: : [^;{]*)? \{", text, re.M):
            places.setdefault((namespace and namespace.group(1), name), set()).add(str(path.relative_to(ROOT)))
    assert len(places) > 300
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_files_are_at_most_600_lines():
    long = [f"{name}: {count} lines" for name in tracked(*CODE) if (count := len(read(name).splitlines())) > 600]
    assert not long


def test_clang_format_agrees():
    names = tracked(".cc", ".h")
    check = subprocess.run(["clang-format-14", "--dry-run", *names], cwd=ROOT, capture_output=True, text=True)
    unformatted = sorted({line.split(":")[0] for line in check.stderr.splitlines() if "warning" in line})
    assert check.returncode == 0, check.stderr[-2000:]
    assert not unformatted, "`make fmt` formats these"


def changed_sources():
    """What the last commit and the work tree touch; every source when LINT_ALL is set."""
    names = [name for name in tracked(".cc") if not name.endswith("_test.cc") and name.startswith("src/")]
    if os.environ.get("LINT_ALL"):
        return names
    parents = git("rev-list", "--max-count=2", "--first-parent", "HEAD").split()
    changed = git("diff", "--name-only", parents[-1], "--") + git("ls-files", "--others", "--exclude-standard")
    return [name for name in names if name in changed.splitlines()]


def test_clang_tidy_finds_nothing():
    def tidy(name):
        command = ["clang-tidy-14", "-p", "build/lint", "--quiet", "--extra-arg=-Wno-unknown-warning-option", name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        return [line for line in done.stdout.splitlines() if re.search(r": (warning|error): ", line)]

    commands = ROOT / "build/lint/compile_commands.json"
    assert commands.exists(), "run `make lint`, which configures the build"
    built = {os.path.relpath(entry["file"], ROOT) for entry in json.loads(commands.read_text())}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(tidy, [name for name in changed_sources() if name in built])
        assert not sorted({line for lines in found for line in lines})


def test_no_folder_is_called_util():
    assert not [name for name in tracked("") if re.search(r"(^|/)utils?(/|\.)", name)]


def test_nothing_names_a_registry_host_or_the_workplace():
    hosts = r"pypi\.org|pythonhosted|npmjs|crates\.io|proxy\.golang|repo1?\.maven|deb\.debian|security\.debian"
    places = r"/work/|(^|[^.\w])\.\./shared|/root/"
    names = [name for name in tracked(*TEXT) if name not in SELF]
    assert not lines_matching(names, f"{hosts}|{places}")


def test_installed_data_and_lock_files_stay_out_of_the_tree():
    assert not [name for name in tracked("") if re.search(r"node_modules|package-lock\.json|\.parquet$", name)]
    large = [name for name in tracked("") if (ROOT / name).stat().st_size > 512 * 1024]
    assert not large


PATH_IN_DOCS = re.compile(
    r"`((?:src|docs|tests|tools|examples|bench|cmake|web|include|\.ci)/[\w./*<>{}-]*"
    r"|Makefile|CMakeLists\.txt|[A-Z]+\.md)`")
LINK_IN_DOCS = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("name", tracked(".md"))
def test_paths_named_in_docs_exist(name):
    missing = []
    for match in PATH_IN_DOCS.finditer(read(name)):
        path = match[1]
        pattern = re.sub(r"<[^>]*>", "*", path).rstrip("/")
        if not any(ROOT.glob(pattern)):
            missing.append(path)
    for match in LINK_IN_DOCS.finditer(read(name)):
        if not (ROOT / name).parent.joinpath(match[1]).exists():
            missing.append(match[1])
    assert not missing, f"{name} names what does not exist: {missing}"


def test_every_page_of_docs_is_reached_from_the_readme():
    """A page nobody links to is a page nobody reads."""
    seen, waiting = set(), ["README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or not (ROOT / page).exists():
            continue
        seen.add(page)
        for match in LINK_IN_DOCS.finditer(read(page)):
            target = (ROOT / page).parent.joinpath(match[1]).resolve()
            if target.suffix == ".md" and target.is_relative_to(ROOT):
                waiting.append(str(target.relative_to(ROOT)))
    assert not sorted(set(name for name in tracked(".md") if name.startswith("docs/")) - seen)


def test_scripts_are_executable():
    for name in ["tools/install", "tools/run_tests", ".ci/run"]:
        assert os.access(ROOT / name, os.X_OK), f"{name} is not executable"


def test_every_fuzz_target_has_seeds():
    for name in tracked("_fuzz.cc"):
        corpus = ROOT / "tests/fuzz/corpus" / Path(name).name[:-len("_fuzz.cc")]
        assert corpus.is_dir() and any(corpus.iterdir()), f"{name} has no seeds in {corpus.relative_to(ROOT)}"
