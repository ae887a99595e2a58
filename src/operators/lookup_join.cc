#include "operators/lookup_join.h"

#include "operators/source_scan.h"

namespace millrace {

struct LookupJoin::State final : OperatorState {
    State(const LookupJoinParameters& p, OperatorContext& context)
        : rows(p.shape, context), functions(context) {
        for (size_t side = 0; side < 2; ++side) {
            if (!p.computed[side].empty()) computed[side].emplace(p.computed[side]);
        }
    }

    Batch widened(size_t side, const Batch& batch, OperatorContext& context) {
        if (!computed[side]) return batch;
        std::vector<ColumnPtr> columns = batch.columns();
        for (ColumnPtr& column : computed[side]->evaluate(functions.refresh(context), batch))
            columns.push_back(std::move(column));
        return batch.withColumns(std::move(columns));
    }

    std::unique_ptr<StateBackend> backend;  // of the table's rows; no part of snapshots
    std::optional<RowLists> table;
    ProcessingTime loaded{0};
    JoinRows rows;
    FunctionContextKeeper functions;
    std::optional<ExpressionExecutor> computed[2];
    KeyedBatch keyed;
    Selection with_key, without_key;
    std::vector<uint8_t> matched;
};

LookupJoin::LookupJoin(LookupJoinParameters parameters) : p_(std::move(parameters)) {
    p_.shape.check();
    MILLRACE_CHECK(p_.shape.type == JoinType::Inner || p_.shape.type == JoinType::Left);
    MILLRACE_CHECK(p_.table != nullptr && p_.table->outputSchema().size() + p_.computed[1].size() ==
                                              p_.shape.inputs[1].schema.size());
}

LookupJoin::~LookupJoin() = default;

std::unique_ptr<OperatorState> LookupJoin::open(OperatorContext& context) const {
    auto state = std::make_unique<State>(p_, context);
    load(*state, context);
    return state;
}

void LookupJoin::load(State& state, OperatorContext& context) const {
    StateBackendParameters parameters;
    parameters.operator_name = "LookupJoin";
    state.table.reset();
    state.backend = makeHashMapStateBackend(parameters);
    RowLists::Shape shape{"table", p_.shape.inputs[1].schema, p_.shape.inputs[1].keys};
    state.table.emplace(*state.backend, parameters.max_parallelism, std::move(shape));
    for (const Batch& scanned : scanSource(*p_.table, context)) {
        const Batch batch = state.widened(1, scanned, context);
        state.keyed.set(batch, p_.shape.inputs[1].keys);
        JoinRows::divide(state.keyed, state.keyed.all, state.with_key, state.without_key);
        state.table->add(state.keyed, state.with_key, {});
    }
    state.loaded = context.now();
}

void LookupJoin::process(OperatorState& operator_state, size_t, const Batch& came, OperatorContext& context,
                         Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (came.empty()) return;
    const Batch batch = state.widened(0, came, context);
    if (p_.reload_interval.ms > 0 && context.now().value() - state.loaded.value() >= p_.reload_interval.ms) {
        load(state, context);
    }
    state.keyed.set(batch, p_.shape.inputs[0].keys);
    JoinRows::divide(state.keyed, state.keyed.all, state.with_key, state.without_key);
    state.matched.assign(batch.rows(), 0);
    state.rows.begin(0, batch, *state.table, context, output);
    state.rows.meet(state.keyed, state.with_key,
                    [&](std::span<const uint32_t> pairs, std::span<std::byte* const> others) {
                        for (size_t i = 0; i < pairs.size(); ++i) {
                            state.matched[pairs[i]] = 1;
                            state.rows.put(pairs[i], others[i], batch.kind(pairs[i]));
                        }
                    });
    if (p_.shape.type == JoinType::Left) {
        for (uint32_t row = 0; row < batch.rows(); ++row) {
            if (!state.matched[row]) state.rows.put(row, nullptr, batch.kind(row));
        }
    }
    state.rows.flush();
}

}  // namespace millrace
