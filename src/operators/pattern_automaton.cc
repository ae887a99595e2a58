#include "operators/pattern_automaton.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace millrace {

namespace {

constexpr VariableSet bitOf(size_t variable) { return VariableSet{1} << variable; }

template <class T>
void putMatchField(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class T>
T takeMatchField(std::string_view& in) {
    T value;
    if (in.size() < sizeof(value))
        throw UserError("snapshot.damaged", "the partial matches of MATCH_RECOGNIZE are cut short");
    std::memcpy(&value, in.data(), sizeof(value));
    in.remove_prefix(sizeof(value));
    return value;
}

}  // namespace

// Built from the end: of each part the states for the rows that it must have, and behind them those for rows
// that it may have.
PatternAutomaton::PatternAutomaton(std::span<const PatternPart> parts) {
    MILLRACE_CHECK(!parts.empty() && parts.size() <= kPatternVariablesMax, "{} pattern variables",
                   parts.size());
    const auto& last = parts.back();
    if (!last.reluctant && last.to != last.from) {
        throw UserError(
            "sql.not-supported",
            "a greedy quantifier at the end of a PATTERN is not supported, as a match would never be "
            "known to be complete",
            "make it reluctant, as in B+?, or end with a variable that DEFINE describes as NOT the one "
            "before it");
    }
    if (std::all_of(parts.begin(), parts.end(), [](const PatternPart& part) { return part.from == 0; })) {
        throw UserError("sql.not-supported", "a PATTERN that may match no row at all is not supported",
                        "one variable at least must have a row");
    }
    for (size_t i = 1; i < parts.size(); ++i) {
        const PatternPart& before = parts[i - 1];
        if (parts[i].from > 0 || before.reluctant || before.to == std::max<int64_t>(before.from, 1)) continue;
        throw UserError(
            "sql.not-supported",
            "an optional variable behind one with a greedy quantifier is not supported in PATTERN",
            "make the first one reluctant, as in A+? B*");
    }
    int64_t all = 1;
    for (const PatternPart& part : parts) {
        all += std::min(std::max<int64_t>(part.to.value_or(part.from + 1), 1), kPatternStatesMax);
        if (all > kPatternStatesMax) {
            throw UserError("sql.too-large",
                            fmt::format("a PATTERN of more than {} rows with all its quantifiers written out",
                                        kPatternStatesMax));
        }
    }
    states_.push_back({});
    uint32_t sink = 0;
    for (size_t i = parts.size(); i-- > 0;) {
        const PatternPart& part = parts[i];
        const auto variable = static_cast<uint32_t>(i);
        const int64_t from = std::max<int64_t>(part.from, 1);
        const bool optional = part.from == 0;
        uint32_t next = sink;
        if (!part.to) {
            if (!part.reluctant) states_[sink].unless |= bitOf(i);
            State loop{variable, 0, sink, 0, 0};
            loop.take = static_cast<uint32_t>(states_.size());
            next = add(loop);
        } else {
            if (!part.reluctant && from != *part.to) states_[sink].unless |= bitOf(i);
            for (int64_t n = from; n < *part.to; ++n)
                next = add({variable, next, sink, 0, 0});
        }
        for (int64_t n = 1; n < from; ++n)
            next = add({variable, next, std::nullopt, 0, 0});
        sink = add({variable, next, optional ? std::optional<uint32_t>(sink) : std::nullopt, 0, 0});
    }
    start_ = sink;
    for (State& state : states_)
        compute(state);
}

uint32_t PatternAutomaton::add(State state) {
    states_.push_back(state);
    return static_cast<uint32_t>(states_.size() - 1);
}

// Also what is asked behind a row that is taken: whether the match is complete with it.
void PatternAutomaton::compute(State& state) const {
    const State* at = &state;
    for (;;) {
        if (at == states_.data()) break;
        state.asks |= bitOf(at->variable) | at->unless;
        for (const State* behind = &states_[at->take]; behind != states_.data();
             behind = &states_[*behind->next]) {
            if (!behind->next) break;
            state.asks |= behind->unless;
        }
        if (!at->next) break;
        at = &states_[*at->next];
    }
}

const std::vector<PartialMatches::Match>& PartialMatches::candidates(const Rules& rules) {
    candidates_ = partial_;
    candidates_.push_back({rules.automaton->start(), kNoNode, 0, 0});
    return candidates_;
}

void PartialMatches::step(const Rules& rules, std::span<const VariableSet> satisfied, int64_t row,
                          int64_t time, std::vector<std::vector<Row>>& out) {
    MILLRACE_CHECK(satisfied.size() == candidates_.size(), "{} answers for {} partial matches",
                   satisfied.size(), candidates_.size());
    const PatternAutomaton& automaton = *rules.automaton;
    const int64_t place = next_place_++;
    partial_.clear();
    const auto place_before = [](const Match& left, const Match& right) {
        return left.start_place < right.start_place;
    };
    for (size_t i = 0; i < candidates_.size(); ++i) {
        const Match& match = candidates_[i];
        for (uint32_t at = match.state; !automaton.isFinal(at);) {
            const PatternAutomaton::State& state = automaton.states()[at];
            if ((state.unless & satisfied[i]) != 0) break;
            if ((bitOf(state.variable) & satisfied[i]) != 0) {
                nodes_.push_back({row, place, state.variable, match.last});
                Match taken{state.take, static_cast<int32_t>(nodes_.size() - 1),
                            match.started() ? match.start_place : place,
                            match.started() ? match.start_time : time};
                bool complete = automaton.isFinal(state.take);
                if (!complete) {
                    partial_.push_back(taken);
                    // Nothing more is needed, though more may come.
                    uint32_t behind = state.take;
                    while (!automaton.isFinal(behind)) {
                        const PatternAutomaton::State& further = automaton.states()[behind];
                        if (!further.next || (further.unless & satisfied[i]) != 0) break;
                        behind = *further.next;
                    }
                    complete = automaton.isFinal(behind);
                }
                if (complete) {
                    taken.state = 0;
                    complete_.insert(
                        std::upper_bound(complete_.begin(), complete_.end(), taken, place_before), taken);
                }
            }
            if (!state.next) break;
            at = *state.next;
        }
    }
    candidates_.clear();
    std::stable_sort(partial_.begin(), partial_.end(), place_before);
    tell(rules, out);
}

// Those complete that no match under way started before.
void PartialMatches::tell(const Rules& rules, std::vector<std::vector<Row>>& out) {
    while (!complete_.empty() &&
           (partial_.empty() || complete_.front().start_place <= partial_.front().start_place)) {
        const Match match = complete_.front();
        complete_.erase(complete_.begin());
        std::vector<int32_t> nodes;
        for (int32_t at = match.last; at != kNoNode; at = nodes_[static_cast<size_t>(at)].before)
            nodes.push_back(at);
        std::reverse(nodes.begin(), nodes.end());
        out.push_back(rowsOf(match));
        prune(rules, match, nodes);
    }
}

void PartialMatches::prune(const Rules& rules, const Match& match, const std::vector<int32_t>& nodes) {
    const auto placeOf = [&](int32_t node) { return nodes_[static_cast<size_t>(node)].place; };
    int64_t first_kept = 0;  // matches that start at an earlier row go
    switch (rules.after) {
        case AfterMatch::ToNextRow:
            first_kept = match.start_place + 1;
            break;
        case AfterMatch::PastLastRow:
            first_kept = placeOf(nodes.back()) + 1;
            break;
        case AfterMatch::ToFirst:
        case AfterMatch::ToLast: {
            std::optional<int64_t> place;
            for (const int32_t node : nodes) {
                if (nodes_[static_cast<size_t>(node)].variable != rules.after_variable) continue;
                if (!place || rules.after == AfterMatch::ToLast) place = placeOf(node);
            }
            if (!place) {
                throw UserError("data.bad-skip",
                                "AFTER MATCH SKIP: a match has no row of the variable that it is to skip to",
                                "skip to a variable that every match has, PAST LAST ROW or TO NEXT ROW");
            }
            if (*place == match.start_place) {
                throw UserError("data.bad-skip",
                                "AFTER MATCH SKIP: skipping to the first row of a match would find it again "
                                "without end",
                                "skip to a later variable, PAST LAST ROW or TO NEXT ROW");
            }
            first_kept = *place;
            break;
        }
    }
    const auto gone = [&](const Match& other) { return other.start_place < first_kept; };
    std::erase_if(partial_, gone);
    std::erase_if(complete_, gone);
}

void PartialMatches::advanceTime(const Rules& rules, int64_t time, std::vector<std::vector<Row>>& out) {
    if (rules.within == 0) return;
    const size_t before = partial_.size();
    std::erase_if(partial_, [&](const Match& match) {
        int64_t age = 0;
        return __builtin_sub_overflow(time, match.start_time, &age) || age >= rules.within;
    });
    if (partial_.size() != before) tell(rules, out);
}

std::optional<int64_t> PartialMatches::deadline(const Rules& rules) const {
    if (rules.within == 0 || partial_.empty()) return std::nullopt;
    int64_t earliest = partial_.front().start_time;
    for (const Match& match : partial_)
        earliest = std::min(earliest, match.start_time);
    int64_t at = 0;
    if (__builtin_add_overflow(earliest, rules.within, &at)) return std::nullopt;
    return at;
}

std::vector<PartialMatches::Row> PartialMatches::rowsOf(const Match& match) const {
    std::vector<Row> rows;
    for (int32_t at = match.last; at != kNoNode; at = nodes_[static_cast<size_t>(at)].before) {
        const Node& node = nodes_[static_cast<size_t>(at)];
        rows.push_back({node.row, node.variable});
    }
    std::reverse(rows.begin(), rows.end());
    return rows;
}

std::vector<int64_t> PartialMatches::compact() {
    std::vector<int32_t> to(nodes_.size(), kNoNode);
    for (const std::vector<Match>* matches : {&partial_, &complete_}) {
        for (const Match& match : *matches) {
            for (int32_t at = match.last; at != kNoNode && to[static_cast<size_t>(at)] == kNoNode;
                 at = nodes_[static_cast<size_t>(at)].before)
                to[static_cast<size_t>(at)] = 0;
        }
    }
    // A node's `before` always stands before it.
    std::vector<Node> kept;
    std::vector<std::pair<int64_t, int64_t>> rows;  // place and number
    for (size_t i = 0; i < nodes_.size(); ++i) {
        if (to[i] == kNoNode) continue;
        Node node = nodes_[i];
        if (node.before != kNoNode) node.before = to[static_cast<size_t>(node.before)];
        to[i] = static_cast<int32_t>(kept.size());
        rows.emplace_back(node.place, node.row);
        kept.push_back(node);
    }
    nodes_ = std::move(kept);
    for (std::vector<Match>* matches : {&partial_, &complete_}) {
        for (Match& match : *matches)
            match.last = to[static_cast<size_t>(match.last)];
    }
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    std::vector<int64_t> numbers;
    for (const auto& [place, number] : rows)
        numbers.push_back(number);
    if (numbers.empty()) next_place_ = 0;
    return numbers;
}

std::string PartialMatches::encode() const {
    std::string out;
    putMatchField<uint8_t>(out, 1);
    putMatchField(out, next_place_);
    putMatchField(out, static_cast<uint32_t>(nodes_.size()));
    for (const Node& node : nodes_) {
        putMatchField(out, node.row);
        putMatchField(out, node.place);
        putMatchField(out, node.variable);
        putMatchField(out, node.before);
    }
    for (const std::vector<Match>* matches : {&partial_, &complete_}) {
        putMatchField(out, static_cast<uint32_t>(matches->size()));
        for (const Match& match : *matches) {
            putMatchField(out, match.state);
            putMatchField(out, match.last);
            putMatchField(out, match.start_place);
            putMatchField(out, match.start_time);
        }
    }
    return out;
}

PartialMatches PartialMatches::decode(std::string_view in, const PatternAutomaton& automaton) {
    const auto require = [](bool fine) {
        if (!fine)
            throw UserError("snapshot.damaged", "the partial matches of MATCH_RECOGNIZE cannot be read");
    };
    PartialMatches result;
    require(takeMatchField<uint8_t>(in) == 1);
    result.next_place_ = takeMatchField<int64_t>(in);
    const auto nodes = takeMatchField<uint32_t>(in);
    for (uint32_t i = 0; i < nodes; ++i) {
        Node node;
        node.row = takeMatchField<int64_t>(in);
        node.place = takeMatchField<int64_t>(in);
        node.variable = takeMatchField<uint32_t>(in);
        node.before = takeMatchField<int32_t>(in);
        require(node.variable < kPatternVariablesMax && node.before >= kNoNode &&
                node.before < static_cast<int32_t>(i));
        result.nodes_.push_back(node);
    }
    for (std::vector<Match>* matches : {&result.partial_, &result.complete_}) {
        const auto count = takeMatchField<uint32_t>(in);
        for (uint32_t i = 0; i < count; ++i) {
            Match match;
            match.state = takeMatchField<uint32_t>(in);
            match.last = takeMatchField<int32_t>(in);
            match.start_place = takeMatchField<int64_t>(in);
            match.start_time = takeMatchField<int64_t>(in);
            require(match.state < automaton.states().size() && match.last >= 0 &&
                    match.last < static_cast<int32_t>(nodes));
            matches->push_back(match);
        }
    }
    require(in.empty());
    return result;
}

}  // namespace millrace
