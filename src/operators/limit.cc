#include "operators/limit.h"

#include <algorithm>
#include <limits>

namespace millrace {

struct Limit::State final : OperatorState {
    int64_t passed = 0;
    std::vector<std::string>* list = nullptr;
};

Limit::Limit(Schema schema, int64_t offset, std::optional<int64_t> fetch)
    : schema_(std::move(schema)), offset_(offset), fetch_(fetch) {}

std::string Limit::name() const {
    std::string name = fmt::format("Limit(offset=[{}]", offset_);
    if (fetch_) name += fmt::format(", fetch=[{}]", *fetch_);
    return name + ")";
}

std::unique_ptr<OperatorState> Limit::open(OperatorContext& context) const {
    auto state = std::make_unique<State>();
    // Every subtask sees the former count, as the one that gets the rows may be another one now.
    state->list = &context.state().list("passed", Redistribution::Union);
    for (const std::string& item : *state->list)
        state->passed = std::max(state->passed, int64_t{std::stoll(item)});
    return state;
}

void Limit::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                    Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    const auto rows = static_cast<int64_t>(batch.rows());
    const int64_t end = fetch_ ? offset_ + *fetch_ : std::numeric_limits<int64_t>::max();
    const int64_t from = std::clamp<int64_t>(offset_ - state.passed, 0, rows);
    const int64_t to = std::clamp<int64_t>(end - state.passed, 0, rows);
    state.passed += rows;
    if (from < to) output.emit(batch.slice(static_cast<size_t>(from), static_cast<size_t>(to)));
}

void Limit::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    auto& state = static_cast<State&>(operator_state);
    *state.list = {std::to_string(state.passed)};
}

}  // namespace millrace
