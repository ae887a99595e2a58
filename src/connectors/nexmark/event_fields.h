// What the fields of an event hold. Everything is a function of the generator's seed and the event's id, so
// that generation can begin at any event: each field draws from its own stream of random numbers, of which
// an event has one.
#pragma once

#include <memory>
#include <span>

#include "base/hash.h"
#include "batch/column.h"
#include "connectors/nexmark/event_rows.h"
#include "connectors/nexmark/nexmark_text.h"

namespace millrace {

// The streams of random numbers.
enum class NexmarkDraw : uint8_t {
    BidAuction,
    BidBidder,
    BidPrice,
    BidChannel,
    BidExtra,
    AuctionSeller,
    AuctionCategory,
    AuctionInitialBid,
    AuctionReserve,
    AuctionExpires,
    AuctionItemName,
    AuctionDescription,
    AuctionExtra,
    PersonName,
    PersonEmailUser,
    PersonEmailHost,
    PersonCreditCard,
    PersonCity,
    PersonState,
    PersonExtra,
    Count,
};

// A stream's random numbers from some event on, one an event.
class NexmarkDraws {
  public:
    static constexpr uint64_t kStep = 0x9E3779B97F4A7C15ULL;
    explicit NexmarkDraws(uint64_t at) : at_(at) {}
    uint64_t next() {
        const uint64_t drawn = mixHash(at_);
        at_ += kStep;
        return drawn;
    }

  private:
    uint64_t at_;
};

// One of the generators that share a table's events: its ids, its timeline, its random numbers.
class NexmarkTimeline {
  public:
    static constexpr int64_t kFirstAuctionId = 1000;
    static constexpr int64_t kFirstPersonId = 1000;
    static constexpr int64_t kFirstCategoryId = 10;
    static constexpr int64_t kCategories = 5;
    static constexpr int64_t kInFlightAuctions = 100;
    static constexpr int64_t kActivePeople = 1000;
    static constexpr int64_t kIdLead = 10;     // ids that are referred to before they exist
    static constexpr int64_t kHotBlock = 100;  // of so many ids one is hot

    // Generator `index` of `generators`.
    NexmarkTimeline(const NexmarkOptions& options, uint64_t seed, int64_t base_time_ms, uint32_t generators,
                    uint32_t index);

    const NexmarkOptions& options() const { return *options_; }
    int64_t firstId() const { return first_id_; }
    uint64_t events() const { return events_; }
    // Microseconds since 1970, whole milliseconds, of the generator's event `number`, counted from 0.
    int64_t timeMicros(int64_t number) const {
        return base_micros_ +
               static_cast<int64_t>(static_cast<double>(number) * interval_micros_) / 1000 * 1000;
    }
    // How many events are due `ms` after the first one.
    uint64_t eventsDue(int64_t ms) const;

    uint64_t draw(NexmarkDraw stream, int64_t id) const { return draws(stream, id).next(); }
    // The draws of a run of events.
    NexmarkDraws draws(NexmarkDraw stream, int64_t first_id) const {
        return NexmarkDraws(streams_[static_cast<size_t>(stream)] +
                            static_cast<uint64_t>(first_id) * NexmarkDraws::kStep);
    }
    // The last auction and person of an epoch, counted from 0: those that its later events know of.
    int64_t lastAuction(int64_t epoch) const { return (epoch + 1) * options_->proportions[1] - 1; }
    int64_t lastPerson(int64_t epoch) const { return (epoch + 1) * options_->proportions[0] - 1; }

  private:
    const NexmarkOptions* options_;
    int64_t first_id_;
    uint64_t events_;
    int64_t base_micros_;
    double interval_micros_;
    std::array<uint64_t, static_cast<size_t>(NexmarkDraw::Count)> streams_;
};

// A number below `bound`, which is less than 2^32, from 32 random bits.
inline int64_t scaledBelow(uint64_t bits, int64_t bound) {
    return static_cast<int64_t>((bits & 0xFFFFFFFF) * static_cast<uint64_t>(bound) >> 32);
}

// `taken` or `otherwise` without a branch, which no processor could predict.
inline int64_t select(bool take, int64_t taken, int64_t otherwise) {
    return otherwise ^ ((taken ^ otherwise) & -static_cast<int64_t>(take));
}

// Prices in cents: 100 * 10^(6 u) for a uniform u, so that each power of ten is as likely.
//
// u has 36 bits, and the power is a product of four table entries. The tables come from square roots and
// products alone, which IEEE 754 rounds the same way everywhere: prices do not depend on the machine's
// mathematical library.
class NexmarkPrices {
  public:
    NexmarkPrices();
    int64_t of(uint64_t random) const {
        constexpr uint64_t kMask = kEntries - 1;
        const double price = factors_[0][random >> 55] * factors_[1][random >> 46 & kMask] *
                             (factors_[2][random >> 37 & kMask] * factors_[3][random >> 28 & kMask]);
        return (static_cast<int64_t>(price * 2) + 1) >> 1;  // rounds halves up
    }

  private:
    static constexpr int kBits = 9;
    static constexpr size_t kEntries = size_t{1} << kBits;
    std::array<std::array<double, kEntries>, 4> factors_;
};
const NexmarkPrices& nexmarkPrices();

struct NexmarkField {
    const char* name;
    const char* alias;  // the name in other versions of the benchmark, or nullptr
    LogicalType type;
    // The field of all these events, as a column of `type`, a nullable form of the type above.
    ColumnPtr (*make)(const NexmarkTimeline& timeline, const KindRows& rows, const LogicalType& type);
};

std::span<const NexmarkField> personFields();
std::span<const NexmarkField> auctionFields();
std::span<const NexmarkField> bidFields();
std::span<const NexmarkField> nexmarkFields(NexmarkKind kind);

// The event's time, which all kinds have.
ColumnPtr makeEventTime(const NexmarkTimeline& timeline, const KindRows& rows, const LogicalType& type);

// Memory for the texts of one column.
class TextBuffer {
  public:
    explicit TextBuffer(size_t bytes_max)
        : buffer_(std::make_shared<Buffer>(bytes_max + kOver)), at_(data()) {}

    // Copies `length` characters; it may read and write up to kOver beyond them.
    StringView copy(const char* from, size_t length) {
        char* const to = at_;
        for (size_t done = 0; done < length; done += kStep)
            std::memcpy(to + done, from + done, kStep);
        at_ += length;
        return StringView({to, length});
    }
    // The same for a column of texts longer than what a StringView holds inline, all by the same number of
    // bytes, which spares a loop of unforeseeable length: `copied` is at least `length`, and of all texts at
    // most kOver more than bytes_max allows for each.
    void copyLong(const char* from, uint32_t length, size_t copied, StringView* out) {
        for (size_t done = 0; done < copied; done += kStep)
            std::memcpy(at_ + done, from + done, kStep);
        auto* const to = reinterpret_cast<std::byte*>(out);  // its size, its first four characters, its place
        std::memcpy(to, &length, 4);
        std::memcpy(to + 4, from, 4);
        std::memcpy(to + 8, &at_, 8);
        at_ += length;
    }
    char* reserve(size_t length) {
        char* const to = at_;
        at_ += length;
        return to;
    }
    void keepWith(Column& column) { column.keep(std::move(buffer_)); }

    static constexpr size_t kStep = 32;
    static constexpr size_t kOver = 64;

  private:
    char* data() { return reinterpret_cast<char*>(buffer_->data()); }

    std::shared_ptr<Buffer> buffer_;
    char* at_;
};

// The lengths of an "extra" field that fill an event of `used` bytes up to `average` ones: they vary by 20 %.
struct ExtraLength {
    ExtraLength(int64_t used, int64_t average);
    uint32_t of(uint64_t random) const { return least + static_cast<uint32_t>(scaledBelow(random, spread)); }
    uint32_t max() const { return least + spread; }
    uint32_t least = 0;
    uint32_t spread = 0;
};
// Where the characters of an "extra" field are cut from (NexmarkText::extra), by the other half of its random
// number.
inline const char* extraPlace(const char* extra, uint64_t random) {
    return extra + (random >> 32) % NexmarkText::kExtraPlaces * NexmarkText::kGroup;
}

}  // namespace millrace
