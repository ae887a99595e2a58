#include "runtime/simulator/probe.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/error.h"
#include "base/hash.h"

namespace millrace {
namespace {

// ---- source

class ProbeEnumerator final : public SplitEnumerator {
  public:
    ProbeEnumerator(uint32_t splits, bool bounded, const std::optional<std::string>& restored)
        : splits_(splits), bounded_(bounded) {
        if (!restored) return;
        const auto [end, error] =
            std::from_chars(restored->data(), restored->data() + restored->size(), next_);
        if (error != std::errc() || end != restored->data() + restored->size()) {
            throw UserError("snapshot.damaged", "the probe source's enumerator cannot read its state");
        }
    }
    void start(EnumeratorContext&) override {}
    void onSplitRequest(EnumeratorContext& context, SlotIndex reader) override {
        if (next_ < splits_) {
            context.assign(reader, {fmt::format("split-{}", next_), "0"});
            ++next_;
        } else if (bounded_) {
            context.noMoreSplits(reader);
        }
    }
    std::string snapshot() const override { return std::to_string(next_); }

  private:
    const uint32_t splits_;
    const bool bounded_;
    uint32_t next_ = 0;
};

class ProbeReader final : public SourceReader {
  public:
    ProbeReader(const ProbeSourceOptions& options, SourceReaderContext& context)
        : options_(options), context_(context) {}

    void addSplits(std::vector<SourceSplit> splits) override {
        for (const SourceSplit& split : splits) {
            active_.push_back({split.id, std::stoll(split.id.substr(6)), std::stoll(split.state)});
        }
        std::sort(active_.begin(), active_.end(),
                  [](const Active& a, const Active& b) { return a.index < b.index; });
        asked_ = false;
    }
    void noMoreSplits() override { no_more_ = true; }
    ReadStatus poll(Output& output) override {
        if (active_.empty()) {
            if (no_more_) return ReadStatus::EndOfInput;
            if (!asked_) context_.requestSplit();
            asked_ = true;
            return ReadStatus::Nothing;
        }
        if (options_.pause_ms > 0 && context_.now().value() < resume_at_) {
            context_.wakeAt(ProcessingTime(resume_at_));
            return ReadStatus::Nothing;
        }
        resume_at_ = context_.now().value() + options_.pause_ms;
        Active& split = active_.front();
        const size_t rows_max = std::min(options_.batch_rows, context_.batchRowsMax());
        BatchBuilder builder(probeSourceSchema(), rows_max);
        while (builder.rows() < rows_max && split.position < options_.rows_per_split) {
            if (split.position == options_.fail_at_row) {
                throw UserError("data.malformed",
                                fmt::format("{}, row {}: not a number", split.id, split.position));
            }
            const int64_t value = split.index * options_.rows_per_split + split.position;
            builder.column(0).append<int64_t>((split.index * 31 + split.position) % options_.keys);
            builder.column(1).append<int64_t>(value);
            builder.column(2).append<int64_t>(value);
            builder.endRow();
            ++split.position;
        }
        const EventTime reached(split.index * options_.rows_per_split + split.position - 1);
        if (split.position == options_.rows_per_split) active_.erase(active_.begin());
        output.emit(builder.finish());
        // Splits are read one after the other and dealt out in the order of their times.
        output.emitWatermark(reached);
        return ReadStatus::More;
    }
    std::vector<SourceSplit> snapshot() const override {
        std::vector<SourceSplit> out;
        for (const Active& split : active_)
            out.push_back({split.id, std::to_string(split.position)});
        return out;
    }

  private:
    struct Active {
        std::string id;
        int64_t index = 0;
        int64_t position = 0;
    };
    const ProbeSourceOptions& options_;
    SourceReaderContext& context_;
    std::vector<Active> active_;
    bool no_more_ = false;
    bool asked_ = false;
    int64_t resume_at_ = 0;
};

class ProbeSource final : public Source {
  public:
    explicit ProbeSource(ProbeSourceOptions options) : options_(options), schema_(probeSourceSchema()) {}
    std::string name() const override { return "Probe"; }
    const Schema& outputSchema() const override { return schema_; }
    Boundedness boundedness() const override {
        return options_.bounded ? Boundedness::Bounded : Boundedness::Unbounded;
    }
    std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const override {
        return std::make_unique<ProbeEnumerator>(options_.splits, options_.bounded, restored);
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        return std::make_unique<ProbeReader>(options_, context);
    }

  private:
    const ProbeSourceOptions options_;
    const Schema schema_;
};

// ---- operators

struct ProbeOperatorState final : OperatorState {
    explicit ProbeOperatorState(KeyedTable* of) : table(of) {}
    KeyedTable* table;
    std::vector<uint64_t> hashes;
    std::vector<std::byte*> rows;
};

// count and total of a group, in the last two fields of its row.
struct Totals {
    explicit Totals(KeyedTable& of) : table(of), field(of.firstValueField()) {}
    int64_t& at(std::byte* row, size_t which) const {
        RowLayout::setNull(row, field + which, false);
        return RowLayout::at<int64_t>(row, table.layout().offset(field + which));
    }
    KeyedTable& table;
    size_t field;
};

Schema schemaOf(std::initializer_list<const char*> names) {
    std::vector<Field> fields;
    for (const char* name : names)
        fields.push_back({name, LogicalType::bigint()});
    return Schema(std::move(fields));
}

void appendRow(BatchBuilder& out, RowKind kind, std::initializer_list<int64_t> values) {
    size_t column = 0;
    for (const int64_t value : values)
        out.column(column++).append<int64_t>(value);
    out.endRow(kind);
}

class ProbeSum final : public Operator {
  public:
    std::string name() const override { return "ProbeSum"; }
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override {
        return std::make_unique<ProbeOperatorState>(
            &context.state().table({"sums", schemaOf({"key"}), schemaOf({"count", "total"}), false, {}}));
    }
    void process(OperatorState& state, size_t, const Batch& batch, OperatorContext&,
                 Output& output) const override {
        auto& own = static_cast<ProbeOperatorState&>(state);
        const std::vector<ColumnPtr> keys{batch.column(0)};
        hashColumns(keys, batch.rows(), own.hashes);
        own.table->findOrInsert(0, keys, own.hashes, {}, own.rows);
        const Totals totals(*own.table);
        BatchBuilder out(schema_, 2 * batch.rows());
        for (size_t row = 0; row < batch.rows(); ++row) {
            const int64_t key = batch.column(0)->data<int64_t>()[row];
            int64_t& count = totals.at(own.rows[row], 0);
            int64_t& total = totals.at(own.rows[row], 1);
            if (count > 0) appendRow(out, RowKind::UpdateBefore, {key, count, total});
            ++count;
            total += batch.column(1)->data<int64_t>()[row];
            appendRow(out, count == 1 ? RowKind::Insert : RowKind::UpdateAfter, {key, count, total});
        }
        output.emit(out.finish());
    }

  private:
    const Schema schema_ = schemaOf({"key", "count", "total"});
};

class ProbeWindow final : public Operator {
  public:
    explicit ProbeWindow(int64_t size) : size_(size) {}
    std::string name() const override { return fmt::format("ProbeWindow(size={})", size_); }
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override {
        return std::make_unique<ProbeOperatorState>(
            &context.state().table({"windows", schemaOf({"key"}), schemaOf({"count", "total"}), true, {}}));
    }
    void process(OperatorState& state, size_t, const Batch& batch, OperatorContext&, Output&) const override {
        auto& own = static_cast<ProbeOperatorState&>(state);
        const std::vector<ColumnPtr> keys{batch.column(0)};
        hashColumns(keys, batch.rows(), own.hashes);
        const Totals totals(*own.table);
        for (uint32_t row = 0; row < batch.rows(); ++row) {
            const int64_t end = (batch.column(2)->data<int64_t>()[row] / size_ + 1) * size_;
            const std::vector<uint32_t> one{row};
            own.table->findOrInsert(end, keys, own.hashes, one, own.rows);
            ++totals.at(own.rows[0], 0);
            totals.at(own.rows[0], 1) += batch.column(1)->data<int64_t>()[row];
        }
    }
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext&,
                     Output& output) const override {
        auto& own = static_cast<ProbeOperatorState&>(state);
        const Totals totals(*own.table);
        BatchBuilder out(schema_);
        for (const int64_t end : own.table->namespaces()) {
            if (end - 1 > watermark.value()) break;
            for (std::byte* row : own.table->allRows(end)) {
                const int64_t key = RowLayout::at<int64_t>(row, own.table->layout().offset(0));
                appendRow(out, RowKind::Insert, {key, end, totals.at(row, 0), totals.at(row, 1)});
            }
            own.table->dropNamespace(end);
        }
        output.emit(out.finish());
        output.emitWatermark(watermark);
    }

  private:
    const int64_t size_;
    const Schema schema_ = schemaOf({"key", "window_end", "count", "total"});
};

class ProbeUnion final : public Operator {
  public:
    explicit ProbeUnion(Schema schema) : schema_(std::move(schema)) {}
    std::string name() const override { return "ProbeUnion"; }
    const Schema& outputSchema() const override { return schema_; }
    size_t inputCount() const override { return 2; }
    std::unique_ptr<OperatorState> open(OperatorContext&) const override {
        return std::make_unique<OperatorState>();
    }
    void process(OperatorState&, size_t, const Batch& batch, OperatorContext&,
                 Output& output) const override {
        output.emit(batch);
    }

  private:
    const Schema schema_;
};

// ---- sink: a committable is "<hidden path>\n<final path>"

std::string lineOf(const Batch& batch, size_t row) {
    std::string line = shortName(batch.kind(row));
    for (const ColumnPtr& column : batch.columns())
        line += " " + column->textAt(row);
    std::replace(line.begin(), line.end(), '\n', ' ');  // a row is a line
    return line + "\n";
}

class ProbeWriter final : public SinkWriter {
  public:
    ProbeWriter(std::string folder, SinkWriterContext& context)
        : folder_(std::move(folder)), context_(context) {
        context_.environment().files->createFolders(folder_);
    }
    void write(const Batch& batch) override {
        if (file_ == nullptr) {
            // The job's position in time leads, so that files sort in the order of their rows.
            name_ = fmt::format("part-{:04}-{}-{:06}", context_.subtask().value(), context_.attemptId(),
                                counter_++);
            file_ = context_.environment().files->create(hidden());
        }
        std::string lines;
        for (size_t row = 0; row < batch.rows(); ++row)
            lines += lineOf(batch, row);
        file_->append(lines);
    }
    std::vector<std::string> prepareCommit() override {
        if (file_ == nullptr) return {};
        file_->sync();
        context_.environment().files->syncFolder(folder_);  // the name is to survive as well
        file_.reset();
        return {hidden() + "\n" + joinPath(folder_, name_)};
    }

  private:
    std::string hidden() const { return joinPath(folder_, "." + name_ + ".pending"); }
    const std::string folder_;
    SinkWriterContext& context_;
    std::unique_ptr<WritableFile> file_;
    std::string name_;
    int counter_ = 0;
};

class ProbeCommitter final : public Committer {
  public:
    ProbeCommitter(std::string folder, FileSystem& files) : folder_(std::move(folder)), files_(files) {}
    void commit(const std::vector<std::string>& committables) override {
        for (const std::string& committable : committables) {
            const size_t end = committable.find('\n');
            const std::string hidden = committable.substr(0, end);
            // Gone: it was committed before.
            if (files_.exists(hidden)) files_.rename(hidden, committable.substr(end + 1));
        }
        files_.syncFolder(folder_);
    }
    void cleanUp(const std::string&) override {
        if (!files_.exists(folder_)) return;
        for (const FileStatus& file : files_.list(folder_)) {
            if (!file.is_folder && file.name.starts_with(".")) files_.remove(joinPath(folder_, file.name));
        }
    }

  private:
    const std::string folder_;
    FileSystem& files_;
};

class ProbeSink final : public Sink {
  public:
    ProbeSink(Schema schema, std::string folder) : schema_(std::move(schema)), folder_(std::move(folder)) {}
    std::string name() const override { return "Sink: Probe"; }
    const Schema& inputSchema() const override { return schema_; }
    ChangelogMode accepts() const override { return ChangelogMode::All; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                             std::vector<std::string>) const override {
        return std::make_unique<ProbeWriter>(folder_, context);
    }
    std::unique_ptr<Committer> createCommitter(const Environment& environment) const override {
        return std::make_unique<ProbeCommitter>(folder_, *environment.files);
    }

  private:
    const Schema schema_;
    const std::string folder_;
};

}  // namespace

Schema probeSourceSchema() { return schemaOf({"key", "value", "ts"}); }

std::shared_ptr<const Source> makeProbeSource(ProbeSourceOptions options) {
    return std::make_shared<ProbeSource>(options);
}
std::shared_ptr<const Operator> makeProbeSum() { return std::make_shared<ProbeSum>(); }
std::shared_ptr<const Operator> makeProbeWindow(int64_t size) { return std::make_shared<ProbeWindow>(size); }
std::shared_ptr<const Operator> makeProbeUnion(Schema schema) {
    return std::make_shared<ProbeUnion>(std::move(schema));
}
std::shared_ptr<const Sink> makeProbeSink(Schema schema, std::string folder) {
    return std::make_shared<ProbeSink>(std::move(schema), std::move(folder));
}

std::vector<std::string> readProbeSink(FileSystem& files, const std::string& folder) {
    std::vector<std::string> lines;
    if (!files.exists(folder)) return lines;
    for (const FileStatus& file : files.list(folder)) {
        if (file.is_folder || file.name.starts_with(".")) continue;
        const std::string text = readFile(files, joinPath(folder, file.name));
        for (size_t begin = 0; begin < text.size();) {
            const size_t end = text.find('\n', begin);
            lines.push_back(text.substr(begin, end - begin));
            begin = end == std::string::npos ? text.size() : end + 1;
        }
    }
    return lines;
}

}  // namespace millrace
