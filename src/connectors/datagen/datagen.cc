// The datagen connector: rows made up from their number, at a chosen rate.
//
// The table's rows are numbered from 0. Its splits are the residues of the row number modulo their count,
// which is the parallelism the job first ran at: split k of n holds the rows k, k + n, k + 2n... A row's
// values depend on the seed and its number (and, for times, the clock) alone, so a restored job goes on with
// the rows that come next, at any parallelism.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "connectors/datagen/field_generator.h"
#include "connectors/shared/node_name.h"
#include "connectors/shared/state_numbers.h"
#include "runtime/connector.h"

namespace millrace {
namespace {

constexpr const char* kDatagen = "datagen";
constexpr size_t kGeneratedRows = 4096;
constexpr int64_t kWakeMs = 10;  // rows of a fast table come in bunches this far apart

struct Generation {
    std::string name;
    Schema output;
    std::vector<FieldGenerator> fields;  // of the output
    std::optional<uint64_t> rows;        // in all; nothing: without end
    int64_t rows_per_second = 10000;
    std::optional<uint64_t> seed;
};

struct DatagenSplit {
    std::string id;
    uint64_t next_row = 0;
    uint64_t stride = 1;
    uint64_t seed = 0;

    SourceSplit encode() const { return {id, fmt::format("1 {} {} {}", next_row, stride, seed)}; }
};

class DatagenEnumerator final : public SplitEnumerator {
  public:
    DatagenEnumerator(const Generation& generation, const std::optional<std::string>& restored)
        : generation_(generation) {
        if (!restored) return;
        const auto [count, dealt, seed] = readStateNumbers<uint64_t, 3>(*restored, kDatagen);
        count_ = count;
        dealt_ = dealt;
        seed_ = seed;
    }

    void start(EnumeratorContext& context) override {
        if (count_ == 0) {
            count_ = context.parallelism();
            const uint64_t chosen = context.environment().seed;
            seed_ = generation_.seed.value_or(chosen != 0 ? chosen : entropySeed());
        }
        for (; dealt_ < count_; ++dealt_) {
            context.assign(SlotIndex(static_cast<uint32_t>(dealt_ % context.parallelism())),
                           DatagenSplit{std::to_string(dealt_), dealt_, count_, seed_}.encode());
        }
        for (uint32_t i = 0; i < context.parallelism(); ++i)
            context.noMoreSplits(SlotIndex(i));
    }
    void onSplitRequest(EnumeratorContext&, SlotIndex) override {}  // all were dealt at the start
    std::string snapshot() const override { return fmt::format("1 {} {} {}", count_, dealt_, seed_); }

  private:
    const Generation& generation_;
    uint64_t count_ = 0;
    uint64_t dealt_ = 0;
    uint64_t seed_ = 0;
};

class DatagenReader final : public SourceReader {
  public:
    DatagenReader(const Generation& generation, SourceReaderContext& context)
        : generation_(generation),
          context_(context),
          rows_max_(std::min(kGeneratedRows, context.batchRowsMax())),
          builder_(generation.output, rows_max_) {}

    void addSplits(std::vector<SourceSplit> splits) override {
        for (const SourceSplit& split : splits) {
            const auto [next_row, stride, seed] = readStateNumbers<uint64_t, 3>(split.state, kDatagen);
            if (stride == 0) throwDamagedState(kDatagen);
            splits_.push_back({split.id, next_row, stride, seed});
        }
        started_ = false;
    }
    void noMoreSplits() override { no_more_ = true; }

    ReadStatus poll(Output& output) override {
        std::erase_if(splits_, [this](const DatagenSplit& split) { return isDone(split); });
        if (splits_.empty()) return no_more_ ? ReadStatus::EndOfInput : ReadStatus::Nothing;
        const uint64_t due = std::min<uint64_t>(rowsDue(), rows_max_);
        if (due == 0) return ReadStatus::Nothing;
        const int64_t now_micros = context_.now().value() * 1000;
        for (uint64_t i = 0; i < due; ++i) {
            // The row that comes first of all splits here: time-like sequences stay in order.
            DatagenSplit& split =
                *std::min_element(splits_.begin(), splits_.end(),
                                  [](const auto& a, const auto& b) { return a.next_row < b.next_row; });
            if (isDone(split)) break;
            Random random(combineHash(split.seed, split.next_row));
            for (size_t c = 0; c < generation_.fields.size(); ++c) {
                generation_.fields[c].append(split.next_row, random, now_micros, builder_.column(c));
            }
            builder_.endRow();
            split.next_row += split.stride;
        }
        emitted_ += builder_.rows();
        output.emit(builder_.finish());
        return ReadStatus::More;
    }

    std::vector<SourceSplit> snapshot() const override {
        std::vector<SourceSplit> out;
        for (const DatagenSplit& split : splits_)
            out.push_back(split.encode());
        return out;
    }

  private:
    bool isDone(const DatagenSplit& split) const {
        return generation_.rows && split.next_row >= *generation_.rows;
    }

    // How many rows may be emitted now at the table's rate; asks to be woken if none. What was not emitted in
    // time is made up for, but not more than a second's worth.
    uint64_t rowsDue() {
        const int64_t now = context_.now().value();
        const double rate = static_cast<double>(generation_.rows_per_second) *
                            static_cast<double>(splits_.size()) / static_cast<double>(splits_.front().stride);
        if (!started_ || now < start_ms_) {
            started_ = true;
            start_ms_ = now;
            emitted_ = 0;
        }
        double due = static_cast<double>(now - start_ms_) * rate / 1000 + 1 - static_cast<double>(emitted_);
        if (due > rate + 1) {
            start_ms_ = now;
            emitted_ = 0;
            due = rate + 1;
        }
        if (due >= 1) return due >= 1e18 ? UINT64_MAX : static_cast<uint64_t>(due);
        const double next_ms =
            static_cast<double>(emitted_) * 1000 / rate - static_cast<double>(now - start_ms_);
        const int64_t bunch_ms = rate > 1000.0 / kWakeMs ? kWakeMs : 1;
        context_.wakeAt(ProcessingTime(now + std::max(bunch_ms, static_cast<int64_t>(next_ms) + 1)));
        return 0;
    }

    const Generation& generation_;
    SourceReaderContext& context_;
    const size_t rows_max_;
    BatchBuilder builder_;
    std::vector<DatagenSplit> splits_;
    bool no_more_ = false;
    bool started_ = false;
    int64_t start_ms_ = 0;
    uint64_t emitted_ = 0;  // since start_ms_
};

class DatagenSource final : public Source {
  public:
    explicit DatagenSource(const TableSpec& spec) {
        checkFieldNames(spec);
        const auto number = [&](const char* key) -> std::optional<int64_t> {
            const auto found = spec.options.find(key);
            if (found == spec.options.end()) return std::nullopt;
            return parseConfigValue<int64_t>(key, found->second);
        };
        generation_.rows_per_second = number("rows-per-second").value_or(10000);
        if (generation_.rows_per_second <= 0) {
            throw UserError("config.bad-value", "'rows-per-second' must be more than zero");
        }
        if (const std::optional<int64_t> rows = number("number-of-rows")) {
            if (*rows < 0) throw UserError("config.bad-value", "'number-of-rows' must not be negative");
            generation_.rows = static_cast<uint64_t>(*rows);
        }
        if (const std::optional<int64_t> seed = number("seed"))
            generation_.seed = static_cast<uint64_t>(*seed);
        std::vector<FieldGenerator> all;
        for (const Field& field : spec.schema) {
            all.push_back(makeFieldGenerator(field.name, field.type, spec.options));
            if (all.back().rows)
                generation_.rows = std::min(generation_.rows.value_or(UINT64_MAX), *all.back().rows);
        }
        for (const ColumnPath& path : spec.projection)
            generation_.fields.push_back(all[path.front()]);
        generation_.output = spec.projectedSchema();
        generation_.name = nodeName("TableSourceScan", spec.name, generation_.output);
    }

    std::string name() const override { return generation_.name; }
    const Schema& outputSchema() const override { return generation_.output; }
    Boundedness boundedness() const override {
        return generation_.rows ? Boundedness::Bounded : Boundedness::Unbounded;
    }
    std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const override {
        return std::make_unique<DatagenEnumerator>(generation_, restored);
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        return std::make_unique<DatagenReader>(generation_, context);
    }

  private:
    static void checkFieldNames(const TableSpec& spec) {
        std::vector<std::string> names;
        for (const Field& field : spec.schema)
            names.push_back(field.name);
        for (const auto& option : spec.options) {
            const std::string& key = option.first;
            if (!key.starts_with("fields.")) continue;
            if (std::any_of(names.begin(), names.end(), [&](const std::string& name) {
                    return key.starts_with("fields." + name + ".");
                })) {
                continue;
            }
            const size_t last = key.rfind('.');
            const std::string nearest = nearestName(key.substr(7, last - std::min<size_t>(last, 7)), names);
            throw UserError(
                "config.unknown-option",
                fmt::format("table '{}': the option '{}' names no column", spec.name, key),
                nearest.empty() ? "" : fmt::format("did you mean 'fields.{}{}'?", nearest, key.substr(last)));
        }
    }

    Generation generation_;
};

}  // namespace

ConnectorDescriptor describeDatagen() {
    ConnectorDescriptor connector;
    connector.name = kDatagen;
    connector.documentation =
        "Makes up rows: each column holds random values or counts through a sequence. The table is bounded "
        "if "
        "'number-of-rows' is set or a column is a sequence.";
    connector.options = {
        {"rows-per-second", "integer", "10000", "How many rows a second, over all subtasks."},
        {"number-of-rows", "integer", "", "How many rows in all; by default the table has no end."},
        {"seed", "integer", "", "Makes random values the same in every run; by default they differ."},
        {"fields.#.kind", "string", "random", "'random', or 'sequence' from 'start' to 'end'."},
        {"fields.#.min", "string", "", "The smallest random number; by default the type's."},
        {"fields.#.max", "string", "", "The largest random number; by default the type's."},
        {"fields.#.max-past", "duration", "0 s", "How far in the past a random timestamp may lie."},
        {"fields.#.length", "integer", "", "The length of texts and bytes (100), of arrays and maps (3)."},
        {"fields.#.var-len", "boolean", "false", "Texts and bytes have any length from 1 to 'length'."},
        {"fields.#.start", "integer", "", "A sequence's first value."},
        {"fields.#.end", "integer", "", "A sequence's last value."},
        {"fields.#.null-rate", "double", "0", "The share of NULLs among random values."},
    };
    connector.make_source = [](const TableSpec& spec) { return std::make_shared<DatagenSource>(spec); };
    return connector;
}

}  // namespace millrace
