#include "state/row_numbers.h"

#include <algorithm>

namespace millrace {

RowNumbers::RowNumbers(uint32_t max_parallelism)
    : max_parallelism_(max_parallelism), routes_(max_parallelism) {
    constexpr size_t kTried = 1024;
    size_t missing = routes_.size();
    for (int64_t first = 0; missing > 0; first += kTried) {
        auto values = std::make_shared<Column>(LogicalType::bigint(), kTried);
        for (size_t i = 0; i < kTried; ++i)
            values->mutableData<int64_t>()[i] = first + static_cast<int64_t>(i);
        const ColumnPtr column = values;
        hashColumns({&column, 1}, kTried, hashes_);
        for (size_t i = 0; i < kTried; ++i) {
            Route& route = routes_[keyGroupOf(hashes_[i], max_parallelism_).value()];
            if (route.value >= 0) continue;
            route = {values->data<int64_t>()[i], hashes_[i]};
            --missing;
        }
    }
}

void RowNumbers::describe(KeyedStateDescriptor& descriptor) {
    descriptor.key = Schema({{"route", LogicalType::bigint()}, {"number", LogicalType::bigint()}});
    descriptor.routing_fields = 1;
}

RowNumbers::Keys RowNumbers::keysOf(std::span<const int64_t> numbers) {
    auto routes = std::make_shared<Column>(LogicalType::bigint(), numbers.size());
    auto own = std::make_shared<Column>(LogicalType::bigint(), numbers.size());
    std::copy(numbers.begin(), numbers.end(), own->mutableData<int64_t>());
    columns_[kNumberField] = std::move(own);
    hashColumns({&columns_[kNumberField], 1}, numbers.size(), hashes_);
    for (size_t i = 0; i < numbers.size(); ++i) {
        const Route& route = routes_[groupOf(numbers[i]).value()];
        routes->mutableData<int64_t>()[i] = route.value;
        hashes_[i] = hashWithin(route.hash, hashes_[i], max_parallelism_);
    }
    columns_[0] = std::move(routes);
    return {columns_, hashes_};
}

}  // namespace millrace
