// The nexmark connector: the events of the Nexmark benchmark, made up from their numbers.
//
// The table's events are shared by generators, each with ids and a timeline of its own; a generator is a
// split, and its state is the number of the event that comes next. There are as many as the option says, or
// as the parallelism the job first ran at; a job restored at another parallelism keeps them. What an event
// holds depends on the seed and its id alone.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "connectors/nexmark/nexmark_generator.h"
#include "connectors/nexmark/nexmark_table.h"
#include "connectors/shared/node_name.h"
#include "connectors/shared/state_numbers.h"
#include "runtime/connector.h"

namespace millrace {
namespace {

constexpr const char* kNexmark = "nexmark";
// Events that one call works through, whatever their kinds: sources of like kinds in one job then move
// through event time together. Persons and auctions are few, and go ahead of the bids that refer to them.
constexpr uint64_t kEventsPerPoll = 8192;
constexpr uint64_t kRarePollsAtOnce = 4;  // of kinds that are not one event in so many
constexpr int64_t kPollMs = 1;
// Generators that share a reader take turns of at most so much event time, so that their rows are not late
// for each other's watermark.
constexpr int64_t kTurnMs = 500;

struct NexmarkTable {
    std::string name;
    NexmarkOptions options;
    Schema schema;
    NexmarkOutput output;
};

class NexmarkEnumerator final : public SplitEnumerator {
  public:
    NexmarkEnumerator(const NexmarkTable& table, const std::optional<std::string>& restored) : table_(table) {
        if (!restored) return;
        const auto [generators, dealt, base_time_ms] = readStateNumbers<int64_t, 3>(*restored, kNexmark);
        generators_ = static_cast<uint32_t>(generators);
        dealt_ = static_cast<uint32_t>(dealt);
        base_time_ms_ = base_time_ms;
    }

    void start(EnumeratorContext& context) override {
        const int64_t now_ms = context.environment().clock->now().value();
        if (generators_ == 0) {
            generators_ = table_.options.generators.value_or(context.parallelism());
            base_time_ms_ = table_.options.base_time_ms.value_or(now_ms);
        }
        for (; dealt_ < generators_; ++dealt_) {
            context.assign(SlotIndex(dealt_ % context.parallelism()),
                           {std::to_string(dealt_),
                            fmt::format("1 0 {} {} {} {}", dealt_, generators_, base_time_ms_, now_ms)});
        }
        for (uint32_t i = 0; i < context.parallelism(); ++i)
            context.noMoreSplits(SlotIndex(i));
    }
    void onSplitRequest(EnumeratorContext&, SlotIndex) override {}  // all were dealt at the start
    std::string snapshot() const override {
        return fmt::format("1 {} {} {}", generators_, dealt_, base_time_ms_);
    }

  private:
    const NexmarkTable& table_;
    uint32_t generators_ = 0;
    uint32_t dealt_ = 0;
    int64_t base_time_ms_ = 0;
};

// A generator and how far it is.
struct NexmarkSplit {
    std::string id;
    int64_t index = 0;
    int64_t generators = 1;
    int64_t base_time_ms = 0;
    int64_t started_ms = 0;  // when its first event was due, of a paced table
    uint64_t next = 0;       // the event that comes next
    NexmarkGenerator generator;

    SourceSplit encode() const {
        return {id, fmt::format("1 {} {} {} {} {}", next, index, generators, base_time_ms, started_ms)};
    }
};

uint64_t eventsPerPoll(const NexmarkOptions& options, const std::array<bool, kNexmarkKinds>& kinds,
                       size_t rows_max) {
    int64_t all = 0, wanted = 0;
    for (size_t kind = 0; kind < kNexmarkKinds; ++kind) {
        all += options.proportions[kind];
        if (kinds[kind]) wanted += options.proportions[kind];
    }
    const bool rare = wanted * static_cast<int64_t>(kRarePollsAtOnce) < all;
    return std::min<uint64_t>(kEventsPerPoll, rows_max) * (rare ? kRarePollsAtOnce : 1);
}

class NexmarkReader final : public SourceReader {
  public:
    NexmarkReader(const NexmarkTable& table, SourceReaderContext& context)
        : table_(table),
          context_(context),
          events_max_(eventsPerPoll(table.options, table.output.kinds, context.batchRowsMax())) {}

    void addSplits(std::vector<SourceSplit> splits) override {
        for (const SourceSplit& split : splits) {
            const auto [next, index, generators, base_time_ms, started_ms] =
                readStateNumbers<int64_t, 5>(split.state, kNexmark);
            if (next < 0 || generators < 1 || index < 0 || index >= generators) throwDamagedState(kNexmark);
            const NexmarkTimeline timeline(table_.options, table_.options.seed, base_time_ms,
                                           static_cast<uint32_t>(generators), static_cast<uint32_t>(index));
            splits_.push_back({split.id, index, generators, base_time_ms, started_ms,
                               static_cast<uint64_t>(next), NexmarkGenerator(table_.output, timeline)});
        }
    }
    void noMoreSplits() override { no_more_ = true; }

    ReadStatus poll(Output& output) override {
        if (!table_.options.keep_alive) {
            std::erase_if(splits_, [](const NexmarkSplit& split) { return left(split) == 0; });
            if (splits_.empty()) return no_more_ ? ReadStatus::EndOfInput : ReadStatus::Nothing;
        }
        NexmarkSplit* const split = nextSplit();
        if (split == nullptr) return ReadStatus::Nothing;
        const uint64_t begin = split->next;
        uint64_t end = begin + std::min(events_max_, left(*split));
        if (splits_.size() > 1) end = std::min(end, begin + split->generator.timeline().eventsDue(kTurnMs));
        if (table_.options.paced) {
            const uint64_t due = split->generator.timeline().eventsDue(sinceStart(*split));
            if (due <= begin) {
                context_.wakeAt(ProcessingTime(context_.now().value() + kPollMs));
                return ReadStatus::Nothing;
            }
            end = std::min(end, due);
        }
        Batch batch = split->generator.generate(begin, end);
        split->next = end;
        if (!batch.empty()) output.emit(std::move(batch));
        return ReadStatus::More;
    }

    std::vector<SourceSplit> snapshot() const override {
        std::vector<SourceSplit> out;
        for (const NexmarkSplit& split : splits_)
            out.push_back(split.encode());
        return out;
    }

  private:
    static uint64_t left(const NexmarkSplit& split) {
        const uint64_t events = split.generator.timeline().events();
        return split.next < events ? events - split.next : 0;
    }
    int64_t sinceStart(const NexmarkSplit& split) const { return context_.now().value() - split.started_ms; }

    // The generator that is furthest behind in time, of those that are not at their end.
    NexmarkSplit* nextSplit() {
        NexmarkSplit* found = nullptr;
        for (NexmarkSplit& split : splits_) {
            if (left(split) > 0 && (found == nullptr || split.next < found->next)) found = &split;
        }
        return found;
    }

    const NexmarkTable& table_;
    SourceReaderContext& context_;
    const uint64_t events_max_;
    std::vector<NexmarkSplit> splits_;
    bool no_more_ = false;
};

class NexmarkSource final : public Source {
  public:
    explicit NexmarkSource(const TableSpec& spec) {
        table_.name = scanName(spec);
        table_.options = NexmarkOptions::from(spec.options);
        table_.schema = spec.projectedSchema();
        table_.output = nexmarkOutput(spec);
    }

    std::string name() const override { return table_.name; }
    const Schema& outputSchema() const override { return table_.schema; }
    Boundedness boundedness() const override {
        return table_.options.events && !table_.options.keep_alive ? Boundedness::Bounded
                                                                   : Boundedness::Unbounded;
    }
    std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const override {
        return std::make_unique<NexmarkEnumerator>(table_, restored);
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        return std::make_unique<NexmarkReader>(table_, context);
    }

  private:
    NexmarkTable table_;
};

}  // namespace

ConnectorDescriptor describeNexmark() {
    ConnectorDescriptor connector;
    connector.name = kNexmark;
    connector.documentation =
        "Makes up the events of the Nexmark benchmark: persons, auctions and bids. A query costs only the "
        "kinds "
        "of events and the fields that it reads.";
    connector.options = NexmarkOptions::descriptions();
    connector.nested_projection = [](const TableSpec&) { return true; };
    connector.accepts_filter = nexmarkAccepts;
    connector.make_source = [](const TableSpec& spec) { return std::make_shared<NexmarkSource>(spec); };
    return connector;
}

}  // namespace millrace
