#include "runtime/checker.h"

#include "runtime/per_split_operator.h"

#include <unordered_map>

#include "base/error.h"

namespace millrace {
namespace {

[[noreturn]] void blame(const std::string& name, const std::string& what) {
    throw InternalError(fmt::format("{}: {}", name, what));
}

void checkBatch(const std::string& name, const char* where, const Schema& schema, const Batch& batch) {
    if (batch.columns().size() != schema.size()) {
        blame(name, fmt::format("{} has {} columns, its schema {}", where, batch.columns().size(),
                                schema.toString()));
    }
    for (size_t i = 0; i < schema.size(); ++i) {
        const Column& column = *batch.column(i);
        const Field& field = schema[i];
        if (column.size() != batch.rows()) {
            blame(name, fmt::format("column '{}' of {} has {} rows of {}", field.name, where, column.size(),
                                    batch.rows()));
        }
        if (column.physical() != field.type.physical()) {
            blame(name, fmt::format("column '{}' of {} is {}, its schema says {}", field.name, where,
                                    column.type().toString(), field.type.toString()));
        }
        if (field.type.nullable() || column.validity() == nullptr) continue;
        for (size_t row = 0; row < batch.rows(); ++row) {
            if (column.isNull(row)) {
                blame(name,
                      fmt::format("column '{}' of {} is NULL, its schema says NOT NULL", field.name, where));
            }
        }
    }
}

std::string textOf(const Batch& batch, size_t row) {
    std::string text;
    for (const ColumnPtr& column : batch.columns()) {
        text += column->isNull(row) ? "\x02" : column->textAt(row);
        text += '\x01';
    }
    return text;
}

// The rows that stand after a changelog.
class Standing {
  public:
    // The first row that is retracted without standing; "" if all is well.
    std::string apply(const Batch& batch) {
        for (size_t row = 0; row < batch.rows(); ++row) {
            const RowKind kind = batch.kind(row);
            std::string text = textOf(batch, row);
            if (!isRetraction(kind)) {
                if (kind == RowKind::UpdateAfter && taken_back_ == 0) upsert_ = true;
                if (kind == RowKind::UpdateAfter && taken_back_ > 0) --taken_back_;
                ++rows_[std::move(text)];
                continue;
            }
            if (kind == RowKind::UpdateBefore) ++taken_back_;
            const auto found = rows_.find(text);
            if (found != rows_.end()) {
                if (--found->second == 0) rows_.erase(found);
            } else if (kind == RowKind::UpdateBefore || !upsert_) {
                std::string shown = shortName(kind);
                for (const ColumnPtr& column : batch.columns())
                    shown += " " + column->textAt(row);
                return shown;
            }
        }
        return "";
    }

  private:
    std::unordered_map<std::string, int64_t> rows_;
    int64_t taken_back_ = 0;  // -U without their +U yet
    bool upsert_ = false;
};

struct CheckedState final : OperatorState {
    std::unique_ptr<OperatorState> inner;
    std::vector<Standing> inputs;
    Standing output;
    bool pairs = true;  // retractions are still followed
    EventTime in_watermark = EventTime::min();
    EventTime out_watermark = EventTime::min();
};

class CheckedOperator final : public Operator {
  public:
    CheckedOperator(std::shared_ptr<const Operator> inner, std::vector<Schema> inputs)
        : inner_(std::move(inner)), inputs_(std::move(inputs)) {}

    std::string name() const override { return inner_->name(); }
    const Schema& outputSchema() const override { return inner_->outputSchema(); }
    size_t inputCount() const override { return inner_->inputCount(); }

    std::unique_ptr<OperatorState> open(OperatorContext& context) const override {
        auto state = std::make_unique<CheckedState>();
        std::vector<std::string>& marks = context.state().list("millrace.checker", Redistribution::Union);
        state->pairs = marks.empty();  // what stood before a restore is not known
        marks = {"1"};
        state->inputs.resize(inputCount());
        state->inner = inner_->open(context);
        return state;
    }
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override {
        auto& own = static_cast<CheckedState&>(state);
        checkBatch(name(), "its input", inputs_[input], batch);
        // Whoever feeds it is checked elsewhere, or is a source, whose changelog may begin anywhere.
        if (own.pairs && !own.inputs[input].apply(batch).empty()) own.pairs = false;
        Checked checked(*this, own, output);
        inner_->process(*own.inner, input, batch, context, checked);
    }
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override {
        auto& own = static_cast<CheckedState&>(state);
        if (watermark < own.in_watermark) blame(name(), "its input watermark went back");
        own.in_watermark = watermark;
        Checked checked(*this, own, output);
        inner_->onWatermark(*own.inner, watermark, context, checked);
    }
    void onIdle(OperatorState& state, bool idle, OperatorContext& context, Output& output) const override {
        auto& own = static_cast<CheckedState&>(state);
        Checked checked(*this, own, output);
        inner_->onIdle(*own.inner, idle, context, checked);
    }
    void onProcessingTime(OperatorState& state, ProcessingTime now, OperatorContext& context,
                          Output& output) const override {
        auto& own = static_cast<CheckedState&>(state);
        Checked checked(*this, own, output);
        inner_->onProcessingTime(*own.inner, now, context, checked);
    }
    bool whenIdle(OperatorState& state, OperatorContext& context, Output& output) const override {
        auto& own = static_cast<CheckedState&>(state);
        Checked checked(*this, own, output);
        return inner_->whenIdle(*own.inner, context, checked);
    }
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override {
        auto& own = static_cast<CheckedState&>(state);
        Checked checked(*this, own, output);
        inner_->beforeBarrier(*own.inner, context, checked);
    }
    void onEndOfInput(OperatorState& state, OperatorContext& context, Output& output) const override {
        auto& own = static_cast<CheckedState&>(state);
        Checked checked(*this, own, output);
        inner_->onEndOfInput(*own.inner, context, checked);
        checked.ended = true;
        inner_->onEndOfInput(*own.inner, context, checked);
    }

  private:
    struct Checked final : Output {
        Checked(const CheckedOperator& op, CheckedState& of, Output& to) : checker(op), state(of), next(to) {}

        void emit(Batch batch) override {
            if (batch.empty()) return;
            if (ended) blame(checker.name(), "onEndOfInput puts out the same again when it is called again");
            checkBatch(checker.name(), "its output", checker.outputSchema(), batch);
            if (state.pairs) {
                const std::string wrong = state.output.apply(batch);
                if (!wrong.empty()) {
                    blame(checker.name(), fmt::format("it takes back a row that does not stand: {}", wrong));
                }
            }
            next.emit(std::move(batch));
        }
        void emitWatermark(EventTime watermark) override {
            if (watermark < state.out_watermark) {
                blame(checker.name(), fmt::format("its watermark goes back from {} to {}",
                                                  state.out_watermark.value(), watermark.value()));
            }
            state.out_watermark = watermark;
            next.emitWatermark(watermark);
        }
        void emitIdle(bool idle) override { next.emitIdle(idle); }

        const CheckedOperator& checker;
        CheckedState& state;
        Output& next;
        bool ended = false;
    };

    const std::shared_ptr<const Operator> inner_;
    const std::vector<Schema> inputs_;
};

}  // namespace

std::shared_ptr<const JobGraph> withChecker(const std::shared_ptr<const JobGraph>& graph) {
    auto checked = std::make_shared<JobGraph>();
    checked->name = graph->name;
    checked->plan = graph->plan;
    checked->configuration = graph->configuration;
    const auto schemaOf = [&](NodeId id) {
        const JobNode& node = graph->node(id);
        if (const auto* source = std::get_if<std::shared_ptr<const Source>>(&node.what)) {
            return (*source)->outputSchema();
        }
        return std::get<std::shared_ptr<const Operator>>(node.what)->outputSchema();
    };
    for (const JobNode& node : graph->nodes()) {
        if (const auto* source = std::get_if<std::shared_ptr<const Source>>(&node.what)) {
            checked->addSource(node.uid, *source);
        } else if (const auto* sink = std::get_if<std::shared_ptr<const Sink>>(&node.what)) {
            checked->addSink(node.uid, *sink, node.inputs.front());
        } else {
            std::vector<Schema> inputs;
            for (const JobEdge& edge : node.inputs)
                inputs.push_back(schemaOf(edge.from));
            const auto& op = std::get<std::shared_ptr<const Operator>>(node.what);
            if (dynamic_cast<const PerSplitOperator*>(op.get()) != nullptr) {
                // It is run once a split, each with a watermark of its own; what comes out is the next one's.
                checked->addOperator(node.uid, op, node.inputs);
                continue;
            }
            checked->addOperator(node.uid, std::make_shared<CheckedOperator>(op, std::move(inputs)),
                                 node.inputs);
        }
    }
    return checked;
}

}  // namespace millrace
