#include "operators/calc.h"

#include <optional>

#include "expr/executor.h"
#include "operators/function_context.h"

namespace millrace {

struct Calc::State final : OperatorState {
    explicit State(const OperatorContext& context) : functions(context) {}
    FunctionContextKeeper functions;
    std::optional<ExpressionExecutor> executor;  // of the condition, if there is one, and what is computed
    Selection selected;
};

Calc::Calc(ExpressionPtr condition, std::vector<ExpressionPtr> projection, Schema output)
    : condition_(std::move(condition)), projection_(std::move(projection)), output_(std::move(output)) {
    MILLRACE_CHECK(projection_.size() == output_.size(), "{} expressions for {} columns", projection_.size(),
                   output_.size());
    for (const ExpressionPtr& expression : projection_) {
        if (expression->kind() != ExpressionKind::Column) computed_.push_back(expression);
    }
}

std::string Calc::name() const {
    std::string select;
    for (size_t i = 0; i < projection_.size(); ++i) {
        if (i > 0) select += ", ";
        const std::string text = projection_[i]->toString();
        select += text;
        if (text != output_[i].name) select += " AS " + output_[i].name;
    }
    std::string name = "Calc(select=[" + select + "]";
    if (condition_) name += ", where=[" + condition_->toString() + "]";
    return name + ")";
}

std::unique_ptr<OperatorState> Calc::open(OperatorContext& context) const {
    auto state = std::make_unique<State>(context);
    std::vector<ExpressionPtr> expressions = computed_;
    if (condition_) expressions.insert(expressions.begin(), condition_);
    if (!expressions.empty()) state->executor.emplace(expressions);
    return state;
}

void Calc::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext& context,
                   Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    const FunctionContext& functions = state.functions.refresh(context);

    bool all = true;
    std::vector<ColumnPtr> computed;
    if (condition_) {
        computed = state.executor->filter(functions, batch, state.selected);
        if (state.selected.empty()) return;
        all = state.selected.size() == batch.rows();
    } else if (state.executor) {
        computed = state.executor->evaluate(functions, batch);
    }

    const size_t rows = all ? batch.rows() : state.selected.size();
    std::vector<ColumnPtr> columns;
    columns.reserve(projection_.size());
    size_t next_computed = 0;
    for (const ExpressionPtr& expression : projection_) {
        if (expression->kind() != ExpressionKind::Column) {
            columns.push_back(std::move(computed[next_computed++]));
        } else {
            const ColumnPtr& column = batch.column(expression->index());
            columns.push_back(all ? column : Column::gather(column, state.selected));
        }
    }
    Batch result(rows, std::move(columns));
    if (all) {
        result.shareKinds(batch);
    } else if (const RowKind* kinds = batch.kinds()) {
        std::vector<RowKind> selected_kinds(rows);
        for (size_t i = 0; i < rows; ++i)
            selected_kinds[i] = kinds[state.selected[i]];
        result.setKinds(std::move(selected_kinds));
    }
    output.emit(std::move(result));
}

}  // namespace millrace
