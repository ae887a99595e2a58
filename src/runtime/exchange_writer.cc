#include "runtime/exchange_writer.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"

namespace millrace {

ExchangeWriter::ExchangeWriter(const JobEdge& edge, std::vector<Channel*> channels, uint32_t max_parallelism)
    : exchange_(channels.size() == 1 ? Exchange::Forward : edge.exchange),
      key_(edge.key),
      channels_(std::move(channels)),
      overflow_(channels_.size()),
      group_of_(max_parallelism),
      ends_(channels_.size()) {
    if (exchange_ != Exchange::Hash) return;
    const uint32_t parallelism = static_cast<uint32_t>(channels_.size());
    for (uint32_t group = 0; group < max_parallelism; ++group) {
        owner_of_group_.push_back(
            ownerOf(KeyGroup(static_cast<uint16_t>(group)), max_parallelism, parallelism).value());
    }
}

void ExchangeWriter::put(size_t target, StreamElement element) {
    if (const Batch* batch = std::get_if<Batch>(&element)) bytes_.add(*batch);
    if (overflow_[target].empty() && channels_[target]->push(element)) return;
    overflow_[target].push_back(std::move(element));
    ++waiting_;
}

void ExchangeWriter::write(Batch batch) {
    switch (exchange_) {
        case Exchange::Forward:
        case Exchange::Singleton:
            put(0, std::move(batch));
            return;
        case Exchange::Broadcast:
            for (size_t target = 0; target < channels_.size(); ++target)
                put(target, batch);
            return;
        case Exchange::Rebalance:
            put(next_, std::move(batch));
            next_ = (next_ + 1) % channels_.size();
            return;
        case Exchange::Hash:
            writeByKey(batch);
            return;
    }
}

// Rows by their hashes_: each target has a stretch of rows_, which could get them all.
void ExchangeWriter::dealOut() {
    const size_t rows = hashes_.size();
    rows_.resize(channels_.size() * rows);
    for (size_t target = 0; target < channels_.size(); ++target)
        ends_[target] = rows_.data() + target * rows;
    const auto owner_of = [&](size_t row) {
        return owner_of_group_[group_of_(static_cast<uint32_t>(hashes_[row] >> 32))];
    };
    if (channels_.size() == 2) {  // without waiting for what was written last
        uint32_t* first = ends_[0];
        uint32_t* second = ends_[1];
        for (size_t row = 0; row < rows; ++row) {
            const uint32_t owner = owner_of(row);
            *first = *second = static_cast<uint32_t>(row);
            first += 1 - owner;
            second += owner;
        }
        ends_ = {first, second};
        return;
    }
    for (size_t row = 0; row < rows; ++row)
        *ends_[owner_of(row)]++ = static_cast<uint32_t>(row);
}

void ExchangeWriter::writeByKey(const Batch& batch) {
    std::vector<ColumnPtr> keys;
    keys.reserve(key_.size());
    for (const size_t column : key_)
        keys.push_back(batch.column(column));
    const size_t rows = batch.rows();
    hashColumns(keys, rows, hashes_);
    dealOut();
    for (size_t target = 0; target < channels_.size(); ++target) {
        const std::span<const uint32_t> selection(rows_.data() + target * rows, ends_[target]);
        if (selection.empty()) continue;
        Batch dealt = selection.size() == rows ? batch : batch.gather(selection);
        auto hashes = std::make_shared<KeyHashes>(key_, selection.size());
        std::ranges::transform(selection, hashes->data(), [&](uint32_t row) { return hashes_[row]; });
        dealt.setHashes(std::move(hashes));
        put(target, std::move(dealt));
    }
}

void ExchangeWriter::broadcast(const StreamElement& element) {
    for (size_t target = 0; target < channels_.size(); ++target)
        put(target, element);
}

bool ExchangeWriter::flush() {
    if (waiting_ == 0) return true;
    for (size_t target = 0; target < channels_.size(); ++target) {
        std::deque<StreamElement>& overflow = overflow_[target];
        while (!overflow.empty() && channels_[target]->push(overflow.front())) {
            overflow.pop_front();
            --waiting_;
        }
    }
    return waiting_ == 0;
}

}  // namespace millrace
