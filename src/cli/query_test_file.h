// The text of a .test file: SQL statements and what must come of them. docs/testing-sql.md describes it to
// users.
//
// A file is blocks divided by blank lines. A block's first line says what it is; `#` starts a comment line.
//
//   file orders.json          statement                query                     error sql.unknown-column
//   {"id": 1}                 CREATE TABLE ...         SELECT ...                SELECT ...
//   {"id": 2}                                          ----                      ----
//                                                      1|2.50|NULL               did you mean
//
// `file` writes its lines to ${dir}/<name>; `query` compares rows in any order, `query ordered` in this one,
// and `query changelog` every change, +I -U +U -D, in this one (under profiles that change what is combined:
// the rows that remain). `query containing` is of text, as EXPLAIN's: the lines below ---- must be in it, in
// this order. `error` names the code of the UserError, and each line below ---- is part of its message or
// hint.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

struct QueryTestBlock {
    enum class Kind { File, Statement, Query, Error };
    enum class Comparison { AnyOrder, Ordered, Changelog, Containing };

    Kind kind = Kind::Statement;
    Comparison comparison = Comparison::AnyOrder;
    std::string name;                   // File: its name; Error: the code
    std::string text;                   // SQL, or the file's bytes
    std::vector<std::string> expected;  // Query: rows; Error: parts of the message
    int line = 0;                       // of the block's first line in the .test file, 1-based
};

// UserError "test.syntax" names `file_name` and the line.
std::vector<QueryTestBlock> parseQueryTest(std::string_view text, const std::string& file_name);

// The rows that remain of a changelog whose entries are "<kind> <row>": in order of their insertion.
// UserError "test.retraction" if a change takes back a row that is not there.
std::vector<std::string> foldChangelog(const std::vector<std::string>& changes);

// The first of `parts` that is not in `text` behind those before it.
std::optional<std::string> firstPartMissing(const std::vector<std::string>& parts, std::string_view text);

// "" when they agree; else what differs, for a person: "- expected" and "+ found" lines.
std::string compareRows(std::vector<std::string> expected, std::vector<std::string> found, bool ordered);

}  // namespace millrace::cli
