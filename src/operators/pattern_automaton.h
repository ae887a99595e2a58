// What MATCH_RECOGNIZE's PATTERN is run by: the non-deterministic automaton of Flink's CEP library for
// patterns whose rows follow one another without gaps (Flink documentation, "Pattern Recognition" and "CEP").
// It knows nothing of columns: whether a row is what a variable's condition asks for comes in as a set of
// variables.
//
// A pattern is a sequence of variables, each with a quantifier. Of a greedy one, a row that its condition
// takes is never the next variable's, even if there is no match then: there is no going back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

using VariableSet = uint64_t;
inline constexpr size_t kPatternVariablesMax = 64;
inline constexpr int64_t kPatternStatesMax = 1000;

struct PatternPart {  // variable i is the i-th part
    int64_t from = 1;
    std::optional<int64_t> to = 1;  // absent: any number
    bool reluctant = false;
    bool operator==(const PatternPart&) const = default;
};

enum class AfterMatch : uint8_t { ToNextRow, PastLastRow, ToFirst, ToLast };

class PatternAutomaton {
  public:
    // UserError "sql.not-supported" for what Flink refuses: a greedy quantifier at the end, a pattern that no
    // row matches; "sql.too-large".
    explicit PatternAutomaton(std::span<const PatternPart> parts);

    struct State {
        uint32_t variable = 0;
        uint32_t take = 0;             // the state behind a row that is taken
        std::optional<uint32_t> next;  // the state that stands in its place if no row is taken
        VariableSet unless = 0;        // neither if the row is what one of these asks for
        VariableSet asks = 0;          // all variables that a row has to be compared with in this state
    };
    const std::vector<State>& states() const { return states_; }
    uint32_t start() const { return start_; }
    bool isFinal(uint32_t state) const { return state == 0; }

  private:
    uint32_t add(State state);
    void compute(State& state) const;

    std::vector<State> states_;  // the first is the final one
    uint32_t start_ = 0;
};

// The partial matches of one partition. Rows are told apart by numbers that the owner gives, and ordered by
// when they came to step().
class PartialMatches {
  public:
    static constexpr int32_t kNoNode = -1;

    struct Node {  // a row in a match, behind the one before it
        int64_t row = 0;
        int64_t place = 0;  // the order of rows
        uint32_t variable = 0;
        int32_t before = kNoNode;
    };
    struct Match {
        uint32_t state = 0;
        int32_t last = kNoNode;
        int64_t start_place = 0;
        int64_t start_time = 0;
        bool started() const { return last != kNoNode; }
    };
    struct Row {
        int64_t row = 0;
        uint32_t variable = 0;
    };

    struct Rules {
        const PatternAutomaton* automaton;
        AfterMatch after = AfterMatch::ToNextRow;
        uint32_t after_variable = 0;
        int64_t within = 0;  // 0: no limit
    };

    // The matches that the next row may go on with: those under way, then one that has yet to start.
    const std::vector<Match>& candidates(const Rules& rules);
    // Takes a row in. `satisfied[i]` are the variables whose condition it meets as the next row of candidate
    // i (only those that its state asks for matter). Complete matches are appended to `out`, in the order in
    // which they are told. UserError "data.bad-skip" if AFTER MATCH SKIP leads nowhere.
    void step(const Rules& rules, std::span<const VariableSet> satisfied, int64_t row, int64_t time,
              std::vector<std::vector<Row>>& out);
    // Event or processing time is `time`: matches that began too long ago end.
    void advanceTime(const Rules& rules, int64_t time, std::vector<std::vector<Row>>& out);

    bool empty() const { return partial_.empty() && complete_.empty(); }
    // When advanceTime() has something to do; absent: never.
    std::optional<int64_t> deadline(const Rules& rules) const;
    std::vector<Row> rowsOf(const Match& match) const;
    // Forgets rows that no match holds; those that are left, ascending by when they came.
    std::vector<int64_t> compact();

    // As state keeps them: one row's worth of bytes, with the numbers of rows. UserError "snapshot.damaged".
    std::string encode() const;
    static PartialMatches decode(std::string_view bytes, const PatternAutomaton& automaton);

  private:
    void tell(const Rules& rules, std::vector<std::vector<Row>>& out);
    void prune(const Rules& rules, const Match& match, const std::vector<int32_t>& nodes);

    std::vector<Node> nodes_;
    std::vector<Match> partial_;   // by where they start; rows of one start as they branched off
    std::vector<Match> complete_;  // likewise: those that wait for matches that started before them
    std::vector<Match> candidates_;
    int64_t next_place_ = 0;
};

}  // namespace millrace
