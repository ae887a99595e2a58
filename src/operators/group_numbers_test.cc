#include "operators/group_numbers.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "operators/test_harness.h"

namespace millrace {
namespace {

constexpr uint32_t kMaxParallelism = 128;

struct Subtask {
    explicit Subtask(const testing::Snapshots& restored = {}) {
        StateBackendParameters parameters;
        parameters.restored = restored;
        context.backend = makeHashMapStateBackend(parameters);
    }
    testing::SubtaskContext context;
};

std::shared_ptr<const OperatorSnapshot> captured(Subtask& subtask) {
    return std::make_shared<const OperatorSnapshot>(subtask.context.backend->capture());
}

TEST(GroupNumbers, AreOfTheirKeyGroupAndNeverTheSame) {
    Subtask subtask;
    GroupNumbers numbers(subtask.context, "numbers");
    std::set<int64_t> given;
    for (uint32_t i = 0; i < 20'000; ++i) {
        const KeyGroup group(static_cast<uint16_t>(i * 31 % kMaxParallelism));
        auto column = std::make_shared<Column>(LogicalType::bigint(), 1);
        const int64_t number = column->mutableData<int64_t>()[0] = numbers.next(group);
        std::vector<uint64_t> hashes;
        const ColumnPtr key = column;
        hashColumns({&key, 1}, 1, hashes);
        ASSERT_EQ(keyGroupOf(hashes[0], kMaxParallelism), group);
        ASSERT_TRUE(given.insert(number).second);
    }
}

TEST(GroupNumbers, GoOnBehindThoseOfEverySubtask) {
    std::set<int64_t> given;
    testing::Snapshots snapshots;
    for (const int count : {5, 70, 20}) {
        Subtask subtask;
        GroupNumbers numbers(subtask.context, "numbers");
        for (int i = 0; i < count; ++i)
            given.insert(numbers.next(KeyGroup(static_cast<uint16_t>(count))));
        numbers.store();
        snapshots.push_back(captured(subtask));
    }
    EXPECT_EQ(given.size(), 95U);
    Subtask later(snapshots);
    GroupNumbers numbers(later.context, "numbers");
    for (const uint16_t group : {5, 70, 20}) {
        for (int i = 0; i < 100; ++i)
            EXPECT_TRUE(given.insert(numbers.next(KeyGroup(group))).second);
    }
}

TEST(GroupNumbers, RefuseACountThatIsNone) {
    Subtask subtask;
    subtask.context.backend->list("numbers", Redistribution::Union) = {"12x"};
    const testing::Snapshots snapshots = {captured(subtask)};
    Subtask later(snapshots);
    EXPECT_THROW(GroupNumbers(later.context, "numbers"), UserError);
}

}  // namespace
}  // namespace millrace
