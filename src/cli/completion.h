// What can come next on a command line, from the tree of commands and options itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace millrace::cli {

struct Candidate {
    std::string text;
    std::string documentation;
};

struct Completion {
    std::vector<Candidate> candidates;  // those that begin with the last word
    bool files = false;                 // names of files, too
};

// Finds values of a kind that only the service knows ("APPLICATION", "SNAPSHOT") for the words so far.
using ValueLookup =
    std::function<std::vector<std::string>(const std::string& kind, const std::vector<std::string>& words)>;

// `words` begin behind the program's name; the last is the one to complete, "" if it has not begun.
Completion complete(const CLI::App& root, const std::vector<std::string>& words, const ValueLookup& lookup);

}  // namespace millrace::cli
