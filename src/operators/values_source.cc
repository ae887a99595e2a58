#include "operators/values_source.h"

#include <algorithm>

#include "expr/executor.h"
#include "operators/function_context.h"

namespace millrace {

namespace {

// Hands its one split to the first reader that asks.
class ValuesEnumerator final : public SplitEnumerator {
  public:
    explicit ValuesEnumerator(bool assigned) : assigned_(assigned) {}
    void start(EnumeratorContext&) override {}
    void onSplitRequest(EnumeratorContext& context, SlotIndex reader) override {
        if (!assigned_) {
            assigned_ = true;
            context.assign(reader, SourceSplit{"values", "0"});
        }
        context.noMoreSplits(reader);
    }
    std::string snapshot() const override { return assigned_ ? "assigned" : "pending"; }

  private:
    bool assigned_;
};

}  // namespace

class ValuesSource::Reader final : public SourceReader {
  public:
    Reader(const ValuesSource& source, SourceReaderContext& context) : source_(source), context_(context) {}

    void addSplits(std::vector<SourceSplit> splits) override {
        for (const SourceSplit& split : splits) {
            MILLRACE_CHECK(!has_split_, "the values are read twice");
            has_split_ = true;
            next_ = std::stoull(split.state);
        }
    }
    void noMoreSplits() override { no_more_ = true; }

    ReadStatus poll(Output& output) override {
        if (has_split_ && next_ < source_.rows_.size()) {
            emit(output);
            return ReadStatus::More;
        }
        if (no_more_) return ReadStatus::EndOfInput;
        if (!asked_) {
            asked_ = true;
            context_.requestSplit();
        }
        return ReadStatus::Nothing;
    }

    std::vector<SourceSplit> snapshot() const override {
        if (!has_split_) return {};
        return {SourceSplit{"values", std::to_string(next_)}};
    }

  private:
    void emit(Output& output) {
        FunctionContext functions;
        functions.now = context_.now();
        functions.query_start_micros = context_.now().value() * 1000;
        functions.time_zone = source_.time_zone_;
        const size_t end = std::min(source_.rows_.size(), next_ + context_.batchRowsMax());
        BatchBuilder builder(source_.schema_, end - next_);
        std::vector<Value> row;
        for (; next_ < end; ++next_) {
            row.clear();
            for (const ExpressionPtr& expression : source_.rows_[next_]) {
                row.push_back(evaluateConstant(expression, functions));
            }
            builder.appendRow(row);
        }
        output.emit(builder.finish());
    }

    const ValuesSource& source_;
    SourceReaderContext& context_;
    bool has_split_ = false;
    bool no_more_ = false;
    bool asked_ = false;
    size_t next_ = 0;
};

ValuesSource::ValuesSource(Schema schema, std::vector<std::vector<ExpressionPtr>> rows,
                           const Configuration& configuration)
    : schema_(std::move(schema)), rows_(std::move(rows)), time_zone_(localTimeZone(configuration)) {
    for (const auto& row : rows_) {
        MILLRACE_CHECK(row.size() == schema_.size(), "{} values for {} columns", row.size(), schema_.size());
    }
}

std::string ValuesSource::name() const {
    return fmt::format("Values(rows=[{}], type=[{}])", rows_.size(), schema_.toString());
}

std::unique_ptr<SplitEnumerator> ValuesSource::createEnumerator(
    const std::optional<std::string>& restored) const {
    return std::make_unique<ValuesEnumerator>(restored && *restored == "assigned");
}

std::unique_ptr<SourceReader> ValuesSource::createReader(SourceReaderContext& context) const {
    return std::make_unique<Reader>(*this, context);
}

}  // namespace millrace
