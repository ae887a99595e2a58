#include "operators/stateful_operator.h"

#include <algorithm>

#include "base/error.h"
#include "state/forwarding_state_backend.h"
#include "state/keyed_bits.h"
#include "state/keyed_logs.h"
#include "state/keyed_records.h"

namespace millrace {

namespace {

std::string namesOf(const Schema& schema, const std::vector<size_t>& columns) {
    std::string names;
    for (const size_t column : columns)
        names += (names.empty() ? "" : ", ") + schema[column].name;
    return "(" + names + ")";
}

struct Recorded {
    std::string name;
    std::string width;  // "40 bytes a row"; more where a row has memory beyond that
};

std::string widthOf(const std::string& bytes, const std::string& strings,
                    std::span<const LogicalType> types) {
    const auto is_string = [](const LogicalType& type) { return type.physical() == PhysicalType::String; };
    const auto is_nested = [](const LogicalType& type) { return type.isNested(); };
    std::string more;
    if (std::any_of(types.begin(), types.end(), is_string)) more = " and " + strings;
    if (std::any_of(types.begin(), types.end(), is_nested))
        more += more.empty() ? " and collections" : ", collections";
    return fmt::format("{} bytes{} a row", bytes, more);
}

Recorded recorded(const KeyedTable& table) {
    const KeyedStateDescriptor& descriptor = table.descriptor();
    size_t bytes = table.layout().rowBytes();
    if (descriptor.ttl.ms > 0) bytes += sizeof(int64_t);  // when it was last written
    if (descriptor.linked) bytes += sizeof(std::byte*);
    return {descriptor.name, widthOf(std::to_string(bytes), "long strings", table.layout().types())};
}

// Hands out real state, which stays empty, and remembers what was asked for.
class RecordingBackend final : public ForwardingStateBackend {
  public:
    RecordingBackend() : ForwardingStateBackend(makeHashMapStateBackend({})) {}

    KeyedTable& table(const KeyedStateDescriptor& descriptor) override {
        KeyedTable& made = ForwardingStateBackend::table(descriptor);
        keyed_.push_back(recorded(made));
        return made;
    }
    KeyedLogs& logs(const std::vector<KeyedLogDescriptor>& descriptors) override {
        KeyedLogs& made = ForwardingStateBackend::logs(descriptors);
        for (size_t log = 0; log < descriptors.size(); ++log) {
            const LogLayout& layout = made.layout(log);
            // The more, the fewer rows of a key follow one another.
            const std::string bytes =
                fmt::format("{} to {}", layout.fixedBytes(), layout.fixedBytes() + KeyedLogs::kRunBytes);
            keyed_.push_back({descriptors[log].name, widthOf(bytes, "strings", layout.types())});
        }
        return made;
    }
    KeyedBits& bits(const KeyedBitsDescriptor& descriptor) override {
        keyed_.push_back({descriptor.name, fmt::format("{} to {} bytes a row", KeyedBits::kPairBytesMin,
                                                       KeyedBits::kPairBytesMax)});
        return ForwardingStateBackend::bits(descriptor);
    }
    KeyedRecords& records(const KeyedRecordsDescriptor& descriptor) override {
        KeyedRecords& made = ForwardingStateBackend::records(descriptor);
        keyed_.push_back({descriptor.name, widthOf(std::to_string(made.layout().fixedBytes()), "strings",
                                                   made.layout().types())});
        return made;
    }
    std::vector<std::string>& list(const std::string& name, Redistribution redistribution) override {
        lists_.push_back(name);
        return ForwardingStateBackend::list(name, redistribution);
    }

    const std::vector<Recorded>& keyed() const { return keyed_; }
    const std::vector<std::string>& lists() const { return lists_; }

  private:
    std::vector<Recorded> keyed_;
    std::vector<std::string> lists_;
};

class RecordingContext final : public OperatorContext {
  public:
    explicit RecordingContext(const Configuration& configuration) : configuration_(configuration) {}

    StateBackend& state() override { return backend_; }
    MetricGroup& metrics() override { return metrics_; }
    const Environment& environment() const override { return environment_; }
    ProcessingTime now() const override { return environment_.clock->now(); }
    Random& random() override { return random_; }
    SlotIndex subtask() const override { return SlotIndex(0); }
    uint32_t parallelism() const override { return 1; }
    uint32_t maxParallelism() const override { return StateBackendParameters{}.max_parallelism; }
    const Configuration& configuration() const override { return configuration_; }
    bool restored() const override { return false; }
    EventTime currentWatermark() const override { return EventTime::min(); }
    void wakeAt(ProcessingTime) override {}

    const RecordingBackend& recorded() const { return backend_; }

  private:
    const Configuration& configuration_;
    RecordingBackend backend_;
    MetricGroup metrics_;
    Environment environment_;
    Random random_{0};
};

std::string dropped(Duration ttl) {
    return fmt::format("dropped when {} has passed since it was last written", formatDuration(ttl));
}

const char* remedy(TtlFrom from) {
    return from == TtlFrom::Option ? "set table.exec.state.ttl"
                                   : "set table.exec.state.ttl or the hint STATE_TTL";
}

}  // namespace

std::string oneRowForEach(const Schema& schema, const std::vector<size_t>& columns) {
    return columns.empty() ? "one row" : "one row for each distinct " + namesOf(schema, columns);
}

std::string ofEach(const Schema& schema, const std::vector<size_t>& columns) {
    return columns.empty() ? "" : " of each distinct " + namesOf(schema, columns);
}

std::string untilExpired(Duration ttl, TtlFrom from) {
    return ttl.ms > 0 ? dropped(ttl) : fmt::format("never dropped: {}", remedy(from));
}

std::string untilTakenBack(Duration ttl, TtlFrom from) {
    constexpr const char* kTakenBack = "dropped when the input takes it back";
    return ttl.ms > 0
               ? fmt::format("{} or {} has passed since it was last written", kTakenBack, formatDuration(ttl))
               : fmt::format("{}, else never: {}", kTakenBack, remedy(from));
}

std::string untilPassed(bool processing_time, const char* what) {
    return fmt::format("dropped when the {} passes {}", processing_time ? "clock" : "watermark", what);
}

std::vector<std::string> describeState(const StatefulOperator& op, const Configuration& configuration) {
    RecordingContext context(configuration);
    const std::unique_ptr<OperatorState> state = op.open(context);
    const std::vector<KeptState> kept = op.keeps();
    const auto& keyed = context.recorded().keyed();
    const auto& lists = context.recorded().lists();
    for (const Recorded& state_asked : keyed) {
        const auto told = [&](const KeptState& one) { return one.name == state_asked.name; };
        MILLRACE_CHECK(std::any_of(kept.begin(), kept.end(), told), "{} does not say what its state '{}' is",
                       op.name(), state_asked.name);
    }
    std::vector<std::string> lines;
    for (const KeptState& one : kept) {
        const auto asked = std::find_if(keyed.begin(), keyed.end(), [&](const Recorded& candidate) {
            return candidate.name == one.name;
        });
        MILLRACE_CHECK(asked != keyed.end() || std::find(lists.begin(), lists.end(), one.name) != lists.end(),
                       "{} speaks of a state '{}' and has none", op.name(), one.name);
        const std::string width = asked == keyed.end() ? "" : ", " + asked->width;
        lines.push_back(fmt::format("{}: {}{}; {}", one.name, one.rows, width, one.until));
    }
    return lines;
}

}  // namespace millrace
