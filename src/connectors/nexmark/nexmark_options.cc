#include "connectors/nexmark/nexmark_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "types/calendar.h"

namespace millrace {
namespace {

// Until when event times are taken to be meant: the year 9999, the last that TIMESTAMP knows.
constexpr int64_t kBaseTimeMsMax = 253'402'300'799'999;
constexpr int64_t kProportionMax = 1'000'000;
constexpr int64_t kSizeMax = 65'536;
constexpr const char* kDefaultBaseTime = "2015-07-15 00:00:00";

class Reader {
  public:
    explicit Reader(const std::map<std::string, std::string>& options) : options_(options) {}

    template <class T>
    std::optional<T> find(const char* key) const {
        const auto found = options_.find(key);
        if (found == options_.end()) return std::nullopt;
        return parseConfigValue<T>(key, found->second);
    }
    int64_t number(const char* key, int64_t otherwise, int64_t low, int64_t high) const {
        const int64_t value = find<int64_t>(key).value_or(otherwise);
        return checked(key, value, low, high);
    }
    int64_t bytes(const char* key, int64_t otherwise) const {
        return checked(key, find<MemorySize>(key).value_or(MemorySize{otherwise}).bytes, 0, kSizeMax);
    }
    bool flag(const char* key, bool otherwise) const { return find<bool>(key).value_or(otherwise); }

  private:
    static int64_t checked(const char* key, int64_t value, int64_t low, int64_t high) {
        if (value < low || value > high) {
            throw UserError("config.bad-value",
                            fmt::format("'{}' is {}, and must be between {} and {}", key, value, low, high));
        }
        return value;
    }

    const std::map<std::string, std::string>& options_;
};

std::optional<int64_t> baseTime(const std::string& text) {
    if (text == "now") return std::nullopt;
    int64_t ms = -1;
    if (!text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        ms = parseConfigValue<int64_t>("base-time", text);
    } else if (const std::optional<int64_t> micros = parseTimestamp(text)) {
        ms = *micros < 0 ? -1 : *micros / 1000;
    }
    if (ms < 0 || ms > kBaseTimeMsMax) {
        throw UserError("config.bad-value", fmt::format("'base-time' has the value '{}'", text),
                        "it is a timestamp as '2026-03-01 12:00:00', milliseconds since 1970, or 'now'");
    }
    return ms;
}

}  // namespace

NexmarkOptions NexmarkOptions::from(const std::map<std::string, std::string>& options) {
    const Reader reader(options);
    NexmarkOptions result;
    result.proportions = {reader.number("person.proportion", 1, 0, kProportionMax),
                          reader.number("auction.proportion", 3, 0, kProportionMax),
                          reader.number("bid.proportion", 46, 0, kProportionMax)};
    if (result.epoch() == 0) {
        throw UserError("config.bad-value",
                        "'person.proportion', 'auction.proportion' and 'bid.proportion' are all 0");
    }
    result.sizes = {reader.bytes("person.avg-size", 200), reader.bytes("auction.avg-size", 500),
                    reader.bytes("bid.avg-size", 100)};
    result.hot_auctions = reader.number("bid.hot-ratio.auctions", 2, 1, 1'000'000);
    result.hot_bidders = reader.number("bid.hot-ratio.bidders", 4, 1, 1'000'000);
    result.hot_sellers = reader.number("auction.hot-ratio.sellers", 4, 1, 1'000'000);
    result.events_per_second = reader.number("first-event.rate", 10'000, 1, 1'000'000'000);
    reader.number("next-event.rate", 10'000, 1, 1'000'000'000);
    reader.find<Duration>("rate.period");
    const int64_t events = reader.number("events.num", 0, 0, int64_t{1} << 60);
    if (events > 0) result.events = static_cast<uint64_t>(events);
    result.seed = static_cast<uint64_t>(reader.find<int64_t>("seed").value_or(0));
    result.base_time_ms = baseTime(reader.find<std::string>("base-time").value_or(kDefaultBaseTime));
    if (reader.find<int64_t>("generators")) {
        result.generators = static_cast<uint32_t>(reader.number("generators", 1, 1, 32'768));
    }
    result.paced = reader.flag("rate.limited", false) || !reader.flag("max-emit-speed", true);
    result.keep_alive = reader.flag("keep-alive", false);
    return result;
}

std::vector<OptionDescription> NexmarkOptions::descriptions() {
    return {
        {"first-event.rate", "integer", "10000",
         "Events a second of event time, over all generators: the time between two events follows from it."},
        {"next-event.rate", "integer", "10000",
         "Read and checked; the rate does not change, as in the public generator."},
        {"rate.shape",
         "enum",
         "SQUARE",
         "Read and checked; without effect, as next-event.rate.",
         false,
         {"SQUARE", "SINE"}},
        {"rate.period", "duration", "600 s", "Read and checked; without effect, as next-event.rate."},
        {"rate.limited", "boolean", "false",
         "Whether events come when they are due by the rate, and not as fast as they can be made."},
        {"max-emit-speed", "boolean", "true", "The same question asked the other way round."},
        {"events.num", "integer", "0", "How many events in all; 0: the table has no end."},
        {"keep-alive", "boolean", "false", "Whether the table stays open after its last event."},
        {"person.proportion", "integer", "1", "How many of the events of an epoch are persons."},
        {"auction.proportion", "integer", "3", "How many of the events of an epoch are auctions."},
        {"bid.proportion", "integer", "46", "How many of the events of an epoch are bids."},
        {"person.avg-size", "memory", "200 bytes", "The average size of a person."},
        {"auction.avg-size", "memory", "500 bytes", "The average size of an auction."},
        {"bid.avg-size", "memory", "100 bytes", "The average size of a bid."},
        {"bid.hot-ratio.auctions", "integer", "2", "One bid in so many does not go to a hot auction."},
        {"bid.hot-ratio.bidders", "integer", "4", "One bid in so many does not come from a hot bidder."},
        {"auction.hot-ratio.sellers", "integer", "4", "One auction in so many is not of a hot seller."},
        {"seed", "integer", "0", "Events of one seed are the same in every run."},
        {"base-time", "string", kDefaultBaseTime,
         "Event time of the first event: a timestamp, milliseconds since 1970, or 'now'."},
        {"generators", "integer", "",
         "How many generators share the events, each on its own timeline and with its own ids; by default "
         "the "
         "parallelism the job first runs at. Give it where events must not depend on the parallelism."},
    };
}

}  // namespace millrace
