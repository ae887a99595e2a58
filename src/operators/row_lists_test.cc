// Lists of rows, chained and numbered ones, against a model, through incremental captures and restores.
#include "operators/row_lists.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace millrace {
namespace {

constexpr uint32_t kMaxParallelism = 16;

const Schema kListed({{"key", LogicalType::bigint()}, {"text", LogicalType::string()}});

RowLists::Shape shapeOf(bool counts_matches, bool namespaced, Duration ttl) {
    RowLists::Shape shape{"listed", kListed, {0}};
    shape.counts_matches = counts_matches;
    shape.namespaced = namespaced;
    shape.ttl = ttl;
    return shape;
}

struct ListedRow {
    std::string text;
    int64_t matches = 0;
    bool operator==(const ListedRow&) const = default;
};
using ListedRows = std::map<std::pair<int64_t, int64_t>, std::vector<ListedRow>>;  // by namespace and key

class ModelledLists {
  public:
    ModelledLists(const RowLists::Shape& shape, uint64_t seed) : shape_(shape), random_(seed) { start({}); }

    void run() {
        for (int step = 0; step < 40; ++step) {
            const int64_t name_space = shape_.namespaced ? static_cast<int64_t>(random_.below(3)) : 0;
            lists_->enter(name_space);
            add(name_space);
            if (shape_.counts_matches) match(name_space);
            if (shape_.namespaced && random_.chance(0.1)) {
                lists_->drop();
                std::erase_if(model_, [&](const auto& entry) { return entry.first.first == name_space; });
            }
            check();
            if (random_.chance(0.3)) capture();
        }
        capture();
    }

    size_t restores() const { return restores_; }

  private:
    void start(const std::vector<std::shared_ptr<const OperatorSnapshot>>& restored) {
        StateBackendParameters parameters;
        parameters.operator_uid = "uid";
        parameters.max_parallelism = kMaxParallelism;
        parameters.restored = restored;
        backend_ = makeHashMapStateBackend(parameters);
        lists_.emplace(*backend_, kMaxParallelism, shape_);
    }

    static Batch keysOnly(std::span<const Value> keys) {
        return {keys.size(), {Column::of(LogicalType::bigint(), keys)}};
    }

    void add(int64_t name_space) {
        std::vector<Value> keys, texts;
        for (uint64_t left = random_.below(60); left > 0; --left) {
            const auto key = static_cast<int64_t>(random_.below(20));
            std::string text = fmt::format("a text that is not inline {}", next_text_++);
            model_[{name_space, key}].push_back({text, 0});
            keys.push_back(Value::int64(key));
            texts.push_back(Value::string(std::move(text)));
        }
        const size_t rows = keys.size();
        const Batch batch(
            rows, {Column::of(LogicalType::bigint(), keys), Column::of(LogicalType::string(), texts)});
        KeyedBatch keyed;
        const std::vector<size_t> key_columns{0};
        keyed.set(batch, key_columns);
        const std::vector<int64_t> matches(shape_.counts_matches ? rows : 0, 0);
        lists_->add(keyed, keyed.all, matches);
    }

    // All rows of a key, by the way that the lists offer.
    std::vector<std::byte*> rowsOf(int64_t key) {
        const Value value = Value::int64(key);
        const Batch batch = keysOnly({&value, 1});
        KeyedBatch keyed;
        const std::vector<size_t> key_columns{0};
        keyed.set(batch, key_columns);
        std::vector<std::byte*> heads, rows;
        lists_->find(keyed, keyed.all, heads);
        if (heads[0] == nullptr) return rows;
        if (lists_->linked()) {
            lists_->collect(heads, rows);
            return rows;
        }
        std::vector<int64_t> numbers;
        for (int64_t number = 0; number < lists_->size(heads[0]); ++number)
            numbers.push_back(number);
        const std::vector<uint32_t> of_row(numbers.size(), 0);
        lists_->find(keyed, of_row, numbers, rows);
        return rows;
    }

    void match(int64_t name_space) {
        for (auto& [place, rows] : model_) {
            if (place.first != name_space || !random_.chance(0.2)) continue;
            const std::vector<std::byte*> found = rowsOf(place.second);
            const size_t which = random_.below(rows.size());
            ++rows[which].matches;
            lists_->setMatches(found.at(which), rows[which].matches);
        }
    }

    void check() {
        for (const auto& [place, rows] : model_) {
            lists_->enter(place.first);
            const std::vector<std::byte*> found = rowsOf(place.second);
            const ColumnPtr texts = lists_->load(1, found);
            std::vector<ListedRow> listed;
            for (size_t i = 0; i < found.size(); ++i) {
                listed.push_back({texts->textAt(i), shape_.counts_matches ? lists_->matches(found[i]) : 0});
            }
            ASSERT_EQ(listed, rows) << place.first << " " << place.second;
        }
    }

    // Now and then the lists go on from what was captured so far.
    void capture() {
        const ListedRows at_barrier = model_;
        backend_->beginCapture(CaptureMode::Incremental);
        lists_->enter(0);
        add(0);  // while the capture is under way: not part of it
        if (shape_.counts_matches) match(0);
        while (!backend_->advanceCapture(1 + random_.below(50))) {
        }
        OperatorSnapshot taken = backend_->takeCapture();
        for (KeyedStateSnapshot& state : taken.keyed) {
            auto& chain = chains_[state.descriptor.name];
            if (state.segments.front()->full) chain.clear();
            chain.insert(chain.end(), state.segments.begin(), state.segments.end());
            state.segments = chain;
        }
        check();
        if (!random_.chance(0.4)) return;
        // A time to live that is set, or taken away, on the way: from a log to a table and back.
        if (!shape_.counts_matches && !shape_.namespaced && random_.chance(0.5)) {
            shape_.ttl = Duration{shape_.ttl.ms > 0 ? 0 : 3'600'000};
        }
        start({std::make_shared<const OperatorSnapshot>(std::move(taken))});
        chains_.clear();
        model_ = at_barrier;
        check();
        ++restores_;
    }

    RowLists::Shape shape_;
    Random random_;
    std::unique_ptr<StateBackend> backend_;
    std::optional<RowLists> lists_;
    ListedRows model_;
    std::map<std::string, std::vector<std::shared_ptr<const StateSegment>>> chains_;
    int64_t next_text_ = 0;
    size_t restores_ = 0;
};

TEST(RowLists, HoldWhatWasAddedThroughCapturesAndRestores) {
    size_t restores = 0;
    for (uint64_t seed = 1; seed <= 12; ++seed) {
        for (const bool counts_matches : {false, true}) {
            for (const bool namespaced : {false, true}) {
                for (const Duration ttl : {Duration{0}, Duration{3'600'000}}) {
                    SCOPED_TRACE(fmt::format("{} {} {} {}", seed, counts_matches, namespaced, ttl.ms));
                    ModelledLists lists(shapeOf(counts_matches, namespaced, ttl), seed);
                    lists.run();
                    if (HasFatalFailure()) return;
                    restores += lists.restores();
                }
            }
        }
    }
    EXPECT_GT(restores, 200U);
}

}  // namespace
}  // namespace millrace
